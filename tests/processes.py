"""Madang as several real processes, for tests of what passes between them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from django.conf import settings
from django.db import connection

READY_SECONDS = 30


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


@contextmanager
def start_house(webs: int = 2, streams: int = 2) -> Iterator[House]:
    with ExitStack() as stack:
        web = [stack.enter_context(web_process()) for _ in range(webs)]
        stream = [stack.enter_context(stream_process()) for _ in range(streams)]
        yield House(web, stream)


@contextmanager
def web_process() -> Iterator[str]:
    port = str(free_port())
    program = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", port, "--blocking-threads", "4"]
    with _process([*program, "project.wsgi:application"], port) as address:
        yield address


@contextmanager
def stream_process() -> Iterator[str]:
    port = str(free_port())
    with _process(["-m", "project.serve", "--port", port], port) as address:
        yield address


@contextmanager
def _process(arguments: list[str], port: str) -> Iterator[str]:
    """Starts it and waits until it answers."""
    process = launch(arguments)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(address, process))
        yield address
    finally:
        process.terminate()
        assert process.wait(15) is not None


def launch(arguments: list[str], **environ: str) -> "subprocess.Popen[bytes]":
    """Starts a Python program of Madang's on the test database."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    environ = os.environ | {"DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL} | environ
    return subprocess.Popen([sys.executable, *arguments], cwd=settings.ROOT, env=environ)


def answers(address: str, process: "subprocess.Popen[bytes]") -> bool:
    """Whether it serves by now. Fails when it has ended."""
    assert process.poll() is None, "the process ended before it answered"
    try:
        return httpx.get(f"{address}/health/", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
