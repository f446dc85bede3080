"""Everything Madang needs, on this machine, until somebody asks it to stop: what bin/run becomes.

Binds the port, starts the embedded engines, prepares the database, starts the server and the worker, and
brings back what dies.
"""

import contextlib
import functools
import resource
import socket
import sys
import time
from collections.abc import Iterator

from project import children, engines, environment, listener
from project.environment import Environment
from project.stopping import Stop, Stopped
from project.watched import Watched


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
    environment.secret_key(here)
    environment.allowed_hosts(here)
    with _alone(here), listener.bind(here.host, here.port, stop.pause) as listening:
        _check_urls(here)
        share = engines.Share(here, stop.pause)
        try:
            share.take()
            children.prepare(stop)
            listener.listen(listening, here.host, here.port)  # who sees an open port finds a prepared database
            _serve(here, listening, share, stop)
        finally:
            share.leave()


def _serve(here: Environment, listening: socket.socket, share: engines.Share, stop: Stop) -> None:
    """Serve until Stopped."""
    with children.served(listening) as (server, worker):
        watched = [Watched(each.name, functools.partial(share.bring_back, each)) for each in share.engines]
        watched.append(server)
        for each in watched:
            each.start()
        children.await_answer(listening, server, stop)
        _greet(here)
        worker.start()
        watched.append(worker)
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
