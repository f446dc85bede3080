"""Housekeeping for the jobs themselves.

None of these has a `lock`: one that died with its worker would hold it, and keep away what frees it.
"""

import logging

from procrastinate import JobContext, builtin_tasks
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.errors import RaiseException

log = logging.getLogger("madang.jobs")

MOST_RETRIES = 5
"""How many more times a job is started whose worker died of it, perhaps."""
DONE_HOURS, FAILED_HOURS = 24, 30 * 24
"""How long jobs are kept that went well, and those that did not."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="retry_stalled_jobs", priority=10, pass_context=True)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Start again what was under way in a worker that has gone: a job may therefore run twice."""
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs():
        try:
            await _retry(jobs, job)
        except ConnectorException as error:
            if not isinstance(error.__cause__, RaiseException):
                raise  # else the job has ended meanwhile, or somebody else has retried it


@app.periodic(cron="47 4 * * *")
@app.task(queueing_lock="remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    remove = builtin_tasks.remove_old_jobs
    await remove(context, max_hours=DONE_HOURS)
    await remove(context, max_hours=FAILED_HOURS, remove_failed=True, remove_cancelled=True, remove_aborted=True)


async def _retry(jobs: JobManager, job: Job) -> None:
    if job.attempts >= MOST_RETRIES:
        log.error("Job %s ended with its worker %s times; it is not started again.", job.call_string, job.attempts + 1)
        await jobs.finish_job(job, Status.FAILED, delete_job=False)
        return
    try:
        await jobs.retry_job(job)
    except UniqueViolation:  # by its queueing lock: another one like it waits already
        await jobs.finish_job(job, Status.ABORTED, delete_job=False)
