"""Everything Madang needs, on this machine, until somebody asks it to stop: what bin/run becomes.

Binds the port, starts the embedded engines, prepares the database, starts the server, and brings back what dies.
"""

import contextlib
import functools
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from project import engines, environment, listener
from project.environment import Environment
from project.stopping import Stop, Stopped
from project.watched import Watched

_PREPARING, _STARTING = 3600.0, 60.0  # seconds that these may take
_DRAINING = 5.3  # seconds for the server to end by itself


def main() -> int:
    """Run until stopped; the exit code. A setting that cannot be used is one sentence and 2."""
    stop = Stop()
    try:
        _run(environment.read(), stop)
    except Stopped:
        return 0
    except environment.WrongSetting as sentence:
        print(sentence, file=sys.stderr)
        return 2
    except engines.Failed as sentence:
        print(sentence, file=sys.stderr)
        return 1
    return 0


def _run(here: Environment, stop: Stop) -> None:
    _raise_file_limit()
    environment.make_data_dir(here)
    with _alone(here), listener.listen(here.host, here.port, stop.pause) as listening:
        _check_urls(here)
        share = engines.Share(here, stop.pause)
        try:
            share.take()
            _prepare(stop)
            _serve(here, listening, share, stop)
        finally:
            share.leave()


def _serve(here: Environment, listening: socket.socket, share: engines.Share, stop: Stop) -> None:
    """Serve until Stopped."""
    with _server(listening) as server:
        watched = [Watched(each.name, functools.partial(share.bring_back, each)) for each in share.engines]
        watched.append(server)
        for each in watched:
            each.start()
        _await_health(listening, server, stop)
        _greet(here)
        while True:
            now = time.monotonic()
            waiting = [each.due - now for each in watched if each.handle is None]
            stop.pause(min(waiting, default=3600), *(each.handle for each in watched if each.handle is not None))
            for each in watched:
                _heal(each)


def _heal(each: Watched) -> None:
    if each.died():
        _say(f"{each.name} has ended; starting it again.")
    if each.handle is None and time.monotonic() >= each.due:
        try:
            each.start()
        except engines.Failed as sentence:
            _say(str(sentence))


@contextlib.contextmanager
def _server(listening: socket.socket) -> Iterator[Watched]:
    """The server on the listening socket. It holds the end of a pipe that tells it when this process has died."""
    children: list[subprocess.Popen[bytes]] = []
    ours, lifeline = os.pipe()[::-1]

    def start() -> int:
        for child in children:
            child.wait()
        command = [sys.executable, "-m", "project.serve", "--fd", str(listening.fileno()), "--lifeline", str(lifeline)]
        children[:] = [_child(command, listening.fileno(), lifeline)]
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


def _prepare(stop: Stop) -> None:
    preparation = Watched("The preparation", lambda: child.pid)
    child = _child([sys.executable, "-m", "project.prepare"])
    try:
        preparation.start()
        stop.pause(_PREPARING, preparation.handle or 0)
    finally:
        child.kill()
        code = child.wait()
    if code != 0:
        raise engines.Failed("The database could not be brought up to this version; the reason is above.")


def _child(command: list[str], *files: int) -> subprocess.Popen[bytes]:
    """Start a process that only we tell to stop: in a session of its own, where no Ctrl-C reaches it."""
    return subprocess.Popen(
        command, cwd=environment.ROOT, stdin=subprocess.DEVNULL, pass_fds=files, start_new_session=True
    )


def _await_health(listening: socket.socket, server: Watched, stop: Stop) -> None:
    """Wait for the server's first answer: the question waits in the socket's queue until it is served."""
    with socket.create_connection(listening.getsockname()[:2], timeout=5) as question:
        question.sendall(b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        stop.pause(_STARTING, question, server.handle or 0)
        if server.died():
            raise engines.Failed("The server ended while starting; the reason is above.")
        answer = question.recv(12)
    if not answer.startswith(b"HTTP/1.") or answer[9:10] == b"5":
        raise engines.Failed(f"The server does not work: it answers {answer.decode(errors='replace')!r}.")


def _greet(here: Environment) -> None:
    _say(f"Madang is at {listener.address(here.host, here.port)}")
    if not here.production:
        _say("Demo sign-in: alice, bob, jiyoung or olive, password madang")
    _say("Stop with Ctrl-C.")


def _check_urls(here: Environment) -> None:
    if here.database_url:
        engines.postgres.check(here.database_url)
    if here.redis_url:
        engines.redis.check(here.redis_url)


@contextlib.contextmanager
def _alone(here: Environment) -> Iterator[None]:
    """Let only one run use DATA_DIR. Raises WrongSetting."""
    path = here.data_dir / "lock" / "run"
    path.parent.mkdir(exist_ok=True)
    lock = engines.lock_alone(path)
    if lock is None:
        raise environment.WrongSetting(f"DATA_DIR {here.data_dir} is used by another bin/run; give this one another.")
    with lock:
        yield


def _raise_file_limit() -> None:
    """Every open stream is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be reading
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
