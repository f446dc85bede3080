"""One cast everywhere: alice owns the room, bob is a member, 지영 writes Korean, olive is outside."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from redis.client import Monitor

from chat.accounts.actions import create_person, open_session
from chat.accounts.models import User
from chat.rooms.actions import create_room
from chat.rooms.models import Room
from chat.stream.announce import News, announce
from chat.stream.bus import PREFIX
from chat.stream.wire import Envelope
from project import engines, environment
from tests.processes import House, start_house


@dataclass(frozen=True)
class Cast:
    alice: User
    bob: User
    jiyoung: User
    olive: User
    room: Room


@pytest.fixture(scope="session")
def engines_running() -> Iterator[None]:
    with engines.borrowed(environment.read()):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(engines_running: None) -> None:
    """The engines run before the test database is made."""


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """Collected as for a deployment, so that pages name the same hashed files."""
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def cast(db: None) -> Cast:
    people = {name: create_person(username=name, name=name.title()) for name in ("alice", "bob", "olive")}
    jiyoung = create_person(username="jiyoung", name="김지영")
    room = create_room(owner=people["alice"], name="마당", people=[people["bob"], jiyoung])
    return Cast(**people, jiyoung=jiyoung, room=room)


class Announced:
    """What was announced since the test began, whichever kind of pub/sub the server has."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._heard: list[tuple[str, Envelope]] = []

    def on(self, topic: str, count: int) -> list[Envelope]:
        """The first `count` on this topic; waits for them, and no longer than a few seconds."""
        while len(heard := [envelope for name, envelope in self._heard if name == topic]) < count:
            try:
                line = self._monitor.connection.read_response()
            except redis.TimeoutError:
                pytest.fail(f"only {heard} on {topic}")
            command, *words = [ast.literal_eval(f"b{word}") for word in re.findall(r'"(?:[^"\\]|\\.)*"', line.decode())]
            if command.upper() in {b"PUBLISH", b"SPUBLISH"} and words[1]:
                self._heard.append((words[0].decode().removeprefix(PREFIX), Envelope.unpack(words[1])))
        return heard

    def nothing(self) -> bool:
        """Whether nothing was announced before a mark that is announced now."""
        announce(News("mark", str))
        self.on("mark", 1)
        return [name for name, _ in self._heard] == ["mark"]


@pytest.fixture
def announced(engines_running: None) -> Iterator[Announced]:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client, client.monitor() as monitor:
        yield Announced(monitor)


class Browser(Client):
    """Django's test client, signed in, speaking as htmx does."""

    def __init__(self, person: User | None = None) -> None:
        super().__init__(headers={"HX-Request": "true"})
        if person is not None:
            self.cookies["sessionid"] = open_session(person=person)


@pytest.fixture(scope="session")
def house(django_db_setup: None) -> Iterator[House]:
    """Two `web` and two `stream` processes on the test database; they meet in Postgres and Redis alone."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    with start_house() as running:
        yield running
