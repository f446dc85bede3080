"""The two processes that bin/run starts beside the engines: the preparation, then the server."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

from project import engines, environment
from project.stopping import Stop
from project.watched import Watched

_PREPARING, _STARTING = 3600.0, 60.0  # seconds that these may take
_DRAINING = 5.3  # seconds for the server to end by itself


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
def server(listening: socket.socket) -> Iterator[Watched]:
    """The server on the listening socket, not started yet; it is stopped at the end of the block.

    It holds the end of a pipe that tells it when this process has died.
    """
    children: list[subprocess.Popen[bytes]] = []
    lifeline, ours = os.pipe()

    def start() -> int:
        for child in children:
            child.wait()
        command = [sys.executable, "-m", "project.serve", "--fd", str(listening.fileno()), "--lifeline", str(lifeline)]
        children[:] = [_start(command, listening.fileno(), lifeline)]
        return children[0].pid

    try:
        yield Watched("The server", start)
    finally:
        for child in children:
            child.terminate()
            try:
                child.wait(_DRAINING)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        os.close(ours)
        os.close(lifeline)


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
