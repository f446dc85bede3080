"""Madang as several real processes, for tests of what passes between them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from django.conf import settings
from django.db import connection

READY_SECONDS = 30
GRANIAN = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--blocking-threads", "4"]


@dataclass(frozen=True)
class House:
    web: list[str]
    stream: list[str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], object], seconds: float = READY_SECONDS) -> None:
    """Returns when the condition holds. Fails when it does not within a time that must not pass."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.01)


class Process:
    """One of ours on the test database. Killed, it can be started again on its port."""

    def __init__(self, program: list[str], environ: Mapping[str, str] | None = None) -> None:
        """`environ` adds to what the process needs anyway."""
        port = str(free_port())
        self.address = f"http://127.0.0.1:{port}"
        self._arguments = [*program[:2], "--port", port, *program[2:]]
        self._environ = _engines() | (environ or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Process":
        """Returns at once."""
        self._process = launch(self._arguments, **self._environ)
        return self

    def wait_ready(self) -> "Process":
        """Returns when it answers."""
        eventually(lambda: answers(self.address, self._process))
        return self

    def terminate(self) -> None:
        """As an operator does. Returns at once."""
        assert self._process is not None
        self._process.terminate()

    def wait_ended(self) -> None:
        """Leaves nothing of it behind."""
        assert self._process is not None
        try:
            self._process.wait(15)
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9, with all its children."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(15)

    def signal(self, number: signal.Signals) -> None:
        """To it and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def died(self) -> bool:
        """Whether it has ended, whoever wanted that."""
        return self._process is None or self._process.poll() is not None


def launch(arguments: list[str], **environ: str) -> "subprocess.Popen[bytes]":
    """Starts a Python program of Madang's on the test database, in a session of its own."""
    environ = os.environ | _engines() | environ
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, cwd=settings.ROOT, env=environ, start_new_session=True, stdin=subprocess.DEVNULL)


def _engines() -> dict[str, str]:
    """Where this test's engines are."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    return {"DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL}


def answers(address: str, process: "subprocess.Popen[bytes] | None") -> bool:
    """Whether it serves by now. Fails when it has ended."""
    assert process is not None
    assert process.poll() is None, "the process ended before it answered"
    try:
        return httpx.get(f"{address}/health/", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def web(**environ: str) -> Process:
    """A process of pages and posts."""
    return Process([*GRANIAN, "project.wsgi:application"], environ)


def stream(**environ: str) -> Process:
    """A process of streams."""
    return Process(["-m", "project.serve"], environ)


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """They are started together, and stopped together at the end of the block."""
    with ExitStack() as stack:
        for process in processes:
            stack.callback(process.start().kill)
        for process in processes:
            process.wait_ready()
        yield
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait_ended()


@contextmanager
def start_house(webs: int = 2, streams: int = 2) -> Iterator[House]:
    web_processes = [web() for _ in range(webs)]
    stream_processes = [stream() for _ in range(streams)]
    with running(*web_processes, *stream_processes):
        yield House([each.address for each in web_processes], [each.address for each in stream_processes])


@contextmanager
def web_process(**environ: str) -> Iterator[str]:
    process = web(**environ)
    with running(process):
        yield process.address


@contextmanager
def stream_process(**environ: str) -> Iterator[str]:
    process = stream(**environ)
    with running(process):
        yield process.address
