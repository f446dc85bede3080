"""Jobs are done, whatever dies meanwhile."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob as Job

from chat.accounts.actions import create_person, open_session
from chat.accounts.tasks import forget_expired_sessions
from project import tasks
from project.work import LAST_JOBS_SECONDS, Connector
from tests.processes import eventually, launch

pytestmark = pytest.mark.django_db(transaction=True)

FORGET = "chat.accounts.tasks.forget_expired_sessions"
RETRY = "project.tasks.retry_stalled_jobs"
PAST = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_jobs(transactional_db: None) -> None:
    """Nothing is left of other tests, and what is due every day or minute is due at once."""
    sql("TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE")


@contextmanager
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    process = launch(["-m", "project.work"])
    try:
        yield process
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def expired_session() -> Session:
    key = open_session(person=create_person(username="bob", name="Bob"))
    Session.objects.filter(pk=key).update(expire_date=timezone.now() - PAST)
    return Session.objects.get(pk=key)


def job(task: str = FORGET) -> Job | None:
    return Job.objects.filter(task_name=task).order_by("pk").first()


def status(pk: int) -> str:
    return Job.objects.get(pk=pk).status


def stalled_job(**columns: object) -> int:
    """One that was under way in a worker of which nothing is left."""
    pk = forget_expired_sessions.defer(timestamp=0)
    for name, value in {"status": "doing", **columns}.items():
        sql(f"UPDATE procrastinate_jobs SET {name} = %s WHERE id = %s", value, pk)  # noqa: S608  # our own names
    return pk


def test_expired_sessions_are_forgotten_and_others_stay() -> None:
    expired = expired_session()
    alice = open_session(person=create_person(username="alice", name="Alice"))
    with worker():
        eventually(lambda: not Session.objects.filter(pk=expired.pk).exists())
        eventually(lambda: (done := job()) and done.status == "succeeded")
    assert Session.objects.get().pk == alice


def test_a_job_under_way_in_a_killed_worker_is_started_again() -> None:
    expired = expired_session()
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=expired.pk)
        killed = launch(["-m", "project.work"])
        eventually(lambda: (begun := job()) and begun.status == "doing")
        killed.kill()
        killed.wait()
    left = job()
    assert left is not None
    assert left.status == "doing"
    sql("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 minute'")
    sql("DELETE FROM procrastinate_periodic_defers WHERE task_name = %s", RETRY)
    with worker():
        eventually(lambda: status(left.pk) == "succeeded")
    assert not Session.objects.exists()


def test_a_job_that_kills_every_worker_is_given_up() -> None:
    deadly = stalled_job(attempts=tasks.MOST_RETRIES)
    with worker():
        eventually(lambda: status(deadly) == "failed")


def test_a_stalled_job_gives_way_to_one_like_it_that_waits_and_holds_up_no_others() -> None:
    first = stalled_job()
    other = stalled_job(queueing_lock="other")
    waiting = stalled_job(status="todo", scheduled_at=timezone.now() + PAST)
    with worker():
        eventually(lambda: status(first) == "aborted")
        eventually(lambda: status(other) == "succeeded")
    assert status(waiting) == "todo"


def test_a_stalled_job_that_somebody_else_deals_with_meanwhile_is_left_to_them() -> None:
    other = stalled_job()
    with worker():
        with transaction.atomic():
            sql("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", other)
            eventually(waits_for_a_lock)
        eventually(lambda: (done := job(RETRY)) and done.status != "doing")
    retrying = job(RETRY)
    assert retrying is not None
    assert retrying.status == "succeeded"
    assert status(other) == "succeeded"


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT true FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


@pytest.mark.parametrize(("ended", "hours"), [("succeeded", tasks.DONE_HOURS), ("failed", tasks.FAILED_HOURS)])
def test_old_jobs_are_removed(ended: str, hours: int) -> None:
    old, recent = stalled_job(), stalled_job()
    for pk, age in ((old, hours + 1), (recent, hours - 1)):
        sql("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", ended, pk)
        sql("UPDATE procrastinate_events SET at = at - %s WHERE job_id = %s", timedelta(hours=age), pk)
    with worker():
        eventually(lambda: not Job.objects.filter(pk=old).exists())
    assert Job.objects.filter(pk=recent).exists()


def test_jobs_are_done_again_after_the_connections_were_cut() -> None:
    with worker():
        eventually(lambda: (done := job()) and done.status == "succeeded")
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608
        later = forget_expired_sessions.defer(timestamp=0)
        eventually(lambda: status(later) == "succeeded")


def test_it_keeps_two_connections() -> None:
    others = connections()
    with worker():
        eventually(lambda: (done := job()) and done.status == "succeeded")
        eventually(lambda: connections() == others + 2)


def connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_a_job_that_does_not_end_keeps_no_worker_from_stopping() -> None:
    expired = expired_session()
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=expired.pk)
        with worker() as process:
            eventually(lambda: (begun := job()) and begun.status == "doing")
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - asked < LAST_JOBS_SECONDS + 1


def test_a_job_is_there_only_if_what_it_belongs_to_was_committed() -> None:
    for connector in (app.connector, Connector(app.connector)):  # in a request, and in a job
        with app.replace_connector(connector):
            with transaction.atomic():
                forget_expired_sessions.defer(timestamp=0)
                transaction.set_rollback(True)
            assert job() is None
            with transaction.atomic():
                forget_expired_sessions.defer(timestamp=0)
            assert job() is not None
        sql("TRUNCATE procrastinate_jobs CASCADE")
