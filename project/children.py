"""The processes that bin/run starts beside the engines: the preparation, then the server and the worker."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from project import engines, environment
from project.stopping import Stop
from project.watched import Watched

_PREPARING, _STARTING = 3600.0, 60.0  # seconds that these may take
_DRAINING = 5.3  # seconds for the server and the worker to end by themselves


def prepare(stop: Stop) -> None:
    """Run project.prepare to its end. Raises Failed, and Stopped after killing it."""
    child = _start([sys.executable, "-m", "project.prepare"])
    ended = os.pidfd_open(child.pid)
    try:
        stop.pause(_PREPARING, ended)
    finally:
        os.close(ended)
        child.kill()
        code = child.wait()
    if code != 0:
        raise engines.Failed("The database could not be brought up to this version; the reason is above.")


@contextlib.contextmanager
def served(listening: socket.socket) -> Iterator[tuple[Watched, Watched]]:
    """The server on the listening socket, and the worker. Neither is started; they are stopped at the end of the block.

    They hold the end of a pipe that tells them when this process has died.
    """
    lifeline, ours = os.pipe()
    alive = ["--lifeline", str(lifeline)]
    server = _Child(["-m", "project.serve", "--fd", str(listening.fileno()), *alive], listening.fileno(), lifeline)
    worker = _Child(["-m", "project.work", *alive], lifeline)
    try:
        yield Watched("The server", server.start), Watched("The worker", worker.start)
    finally:
        _stop(server, worker)
        os.close(ours)
        os.close(lifeline)


class _Child:
    """A Python program that may be started again once it has ended."""

    def __init__(self, arguments: list[str], *files: int) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._command, self._files = [sys.executable, *arguments], files

    def start(self) -> int:
        if self.process is not None:
            self.process.wait()
        self.process = _start(self._command, *self._files)
        return self.process.pid


def _stop(*children: _Child) -> None:
    processes = [child.process for child in children if child.process is not None]
    for process in processes:
        process.terminate()
    end = time.monotonic() + _DRAINING
    for process in processes:
        try:
            process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(listening: socket.socket, server: Watched, stop: Stop) -> None:
    """Wait for the server's first answer; the question waits in the socket's queue. Raises Failed and Stopped."""
    with socket.create_connection(listening.getsockname()[:2], timeout=5) as question:
        question.sendall(b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        stop.pause(_STARTING, question, server.handle or 0)
        if server.died():
            raise engines.Failed("The server ended while starting; the reason is above.")
        answer = question.recv(12)
    if not answer.startswith(b"HTTP/1.") or answer[9:10] == b"5":
        raise engines.Failed(f"The server does not work: it answers {answer.decode(errors='replace')!r}.")


def _start(command: list[str], *files: int) -> subprocess.Popen[bytes]:
    """Start a process that only we tell to stop: in a session of its own, where no Ctrl-C reaches it."""
    return subprocess.Popen(
        command, cwd=environment.ROOT, stdin=subprocess.DEVNULL, pass_fds=files, start_new_session=True
    )
