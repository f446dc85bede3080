"""Postgres dies and comes back: the streams stay open, nothing acknowledged is lost, and nobody has to be restarted."""

import os
import signal
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.faults.conftest import Plant
from tests.faults.engines import Killable, django_on, own_postgres
from tests.faults.proxy import Proxy
from tests.faults.scene import PROFILE, House, Outcome, scene
from tests.processes import running, stream, web

ANSWER_SECONDS = 10


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    with own_postgres(tmp_path_factory.mktemp("postgres")) as engine:
        yield engine


@pytest.fixture(scope="module")
def fragile(
    postgres: Killable,
    redis_link: tuple[Killable, Proxy],
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Plant]:
    """Processes on a Postgres of their own."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    engine, link = redis_link
    with django_db_blocker.unblock(), django_on(postgres, migrate=True):
        webs = [web(REDIS_URL=link.url) for _ in range(PROFILE.webs)]
        streams = [stream(REDIS_URL=link.url) for _ in range(PROFILE.streams)]
    with running(*webs, *streams):
        yield Plant(House(webs, streams), engine, link)


@pytest.fixture
def on_postgres(transactional_db: None, postgres: Killable) -> Iterator[Killable]:
    with django_on(postgres):
        yield postgres


def bring_back(postgres: Killable) -> None:
    postgres.start()
    connection.close()  # this test's own, which broke with the others


def assert_healed(outcome: Outcome, *, stalest: float) -> None:
    outcome.assert_nothing_is_wrong(stalest=stalest)
    assert outcome.connects == PROFILE.listeners
    assert max(writer.slowest for writer in outcome.writers) <= ANSWER_SECONDS
    assert set(outcome.refusals) <= {"503"}


def test_postgres_is_restarted_at_once(fragile: Plant, on_postgres: Killable) -> None:
    with scene(fragile.house) as it:
        it.write()
        for _ in range(round(PROFILE.seconds(3, 1))):
            it.go_on(PROFILE.seconds(5, 1))
            on_postgres.kill(signal.SIGQUIT)
            bring_back(on_postgres)
            it.go_on(PROFILE.seconds(10, 3))
        outcome = it.settle()
    outcome.say("Postgres immediate restart")
    assert_healed(outcome, stalest=16)


def test_postgres_is_away(fragile: Plant, on_postgres: Killable) -> None:
    with scene(fragile.house) as it:
        it.write()
        it.go_on(1)
        on_postgres.kill(signal.SIGQUIT)
        it.go_on(PROFILE.seconds(20, 4))
        bring_back(on_postgres)
        it.go_on(PROFILE.seconds(15, 3))
        outcome = it.settle()
    outcome.say("Postgres away")
    assert_healed(outcome, stalest=16)
    assert outcome.refusals or not PROFILE.full  # for a few seconds a post just waits
