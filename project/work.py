"""python -m project.work: a process that does the jobs, several at a time.

It keeps two connections to Postgres, one of them to hear of new jobs; what a job asks Django for goes over one more.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal

import django
import psycopg
from django.conf import settings
from procrastinate import PsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool

log = logging.getLogger("madang.work")

JOBS = 4
LAST_JOBS_SECONDS = 4
"""How long jobs may go on once the process is to end. What is cut short then is started again by retry_stalled_jobs."""
_PATIENCE, _AGAIN = 5.0, 1.0  # seconds to wait for a connection, and before the next try where there was none


class Connector(PsycopgConnector):
    """What synchronous jobs defer goes through Django's connection, into the transaction around it."""

    def __init__(self, synchronous: BaseConnector) -> None:
        super().__init__()
        self._synchronous = synchronous

    def get_sync_connector(self) -> BaseConnector:
        return self._synchronous


def main() -> None:
    lifeline = _options().lifeline
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    settings.DATABASES["default"]["OPTIONS"]["pool"] = False  # a job's connection ends with the job
    django.setup()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_news)
    asyncio.run(_main(lifeline))


async def _main(lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    working = asyncio.create_task(_work())

    def end() -> None:
        if lifeline is not None:
            loop.remove_reader(lifeline)
        if not working.cancelling():
            loop.call_later(LAST_JOBS_SECONDS, os._exit, 0)  # a job in a thread cannot be cancelled
            working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if lifeline is not None:
        os.set_inheritable(lifeline, False)
        loop.add_reader(lifeline, end)
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _work() -> None:
    """Do jobs until cancelled, however often Postgres goes away."""
    while True:
        try:
            await _work_while_connected()
        except (ConnectorException, psycopg.Error) as error:
            log.warning("No jobs are done for now: %s", error.__cause__ or error)
        else:
            log.warning("The work on jobs was interrupted; it goes on.")
        await asyncio.sleep(_AGAIN)


async def _work_while_connected() -> None:
    async with AsyncConnectionPool(
        kwargs=connector_params(),
        min_size=1,
        max_size=1,
        timeout=_PATIENCE,
        open=False,
        check=AsyncConnectionPool.check_connection,
        name="jobs",
    ) as pool:
        with app.replace_connector(Connector(app.connector)):
            await app.open_async(pool)
            await app.run_worker_async(concurrency=JOBS, install_signal_handlers=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that Postgres is away, in 60 lines: `_work` says it in one."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, ConnectorException) and isinstance(error.__cause__, psycopg.OperationalError))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m project.work", description=__doc__)
    parser.add_argument("--lifeline", type=int, help="a pipe; the process ends when its other end does")
    return parser.parse_args()


if __name__ == "__main__":
    main()
