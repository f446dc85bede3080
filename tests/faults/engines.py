"""A Redis and a Postgres of one's own, that may be killed and brought back."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.core.management import call_command
from django.db import connection

from project.engines import Engine, process
from project.engines.postgres import Postgres
from project.engines.redis import Redis


class Killable:
    """An embedded engine in a folder of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> "Killable":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        process.stop([self.engine])

    def start(self) -> None:
        """Returns when it answers."""
        process.ensure(self.engine, time.sleep)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Returns when it has ended. For Postgres SIGQUIT is the immediate shutdown."""
        pid = process.peer(self.engine.socket)
        assert pid
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, number)
            while process.peer(self.engine.socket) == pid:
                time.sleep(0.01)
        finally:
            os.close(handle)
        process.reap(self.engine)


def own_redis(folder: Path) -> Killable:
    return Killable(Redis(folder))


def kill_pubsub_clients(engine: Killable) -> int:
    """As `CLIENT KILL TYPE pubsub` does; the number of those it hit."""
    with redis.Redis(unix_socket_path=str(engine.engine.socket)) as client:
        return int(client.client_kill_filter(_type="pubsub"))


def own_postgres(folder: Path) -> Killable:
    return Killable(Postgres(folder))


@contextmanager
def django_on(postgres: Killable, *, migrate: bool = False) -> Iterator[None]:
    """Django uses that one for the time of the block."""
    before = dict(connection.settings_dict)
    place = {"HOST": str(postgres.engine.socket.parent), "PORT": "5432", "USER": "madang", "NAME": "madang"}
    _use(place)
    try:
        if migrate:
            call_command("migrate", verbosity=0)
        yield
    finally:
        _use({name: before[name] for name in place})


def _use(place: dict[str, object]) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict.update(place)
