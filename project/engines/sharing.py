"""One set of engines for all processes with the same DATA_DIR.

Everybody who uses them holds `lock/use` shared. Starting and stopping is done under `lock/start`. Who leaves as the
last, seen by getting `lock/use` alone, stops them. The kernel gives a killed process's locks back.
"""

import contextlib
import fcntl
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from project import environment
from project.engines import process
from project.engines.postgres import Postgres
from project.engines.process import Engine, Pause
from project.engines.redis import Redis
from project.environment import Environment

_PATIENCE = 1.5  # seconds to wait for the start lock when leaving


class Share:
    """One process's share in the embedded engines, those whose URL is not given."""

    def __init__(self, here: Environment, pause: Pause = time.sleep) -> None:
        """Pause waits so many seconds between looks; what it raises ends a start."""
        self._here, self._pause = here, pause
        self._folder = here.data_dir / "lock"
        self._use: IO[str] | None = None
        self.engines: list[Engine] = []
        if here.database_url is None:
            self.engines.append(Postgres(here.data_dir))
        if here.redis_url is None:
            self.engines.append(Redis(here.data_dir))

    def take(self) -> None:
        """Use the engines from now on, started if they do not run. Raises WrongSetting and Failed."""
        if not self.engines:
            return
        environment.make_data_dir(self._here)
        self._folder.mkdir(exist_ok=True)
        with self._starting():
            self._use = (self._folder / "use").open("a")
            fcntl.flock(self._use, fcntl.LOCK_SH)
            for engine in self.engines:
                process.ensure(engine, self._pause)

    def bring_back(self, engine: Engine) -> int:
        """Start an engine of this share if it does not run; return its pid. Raises Failed."""
        process.reap(engine)
        with self._starting():
            return process.ensure(engine, self._pause)

    def leave(self) -> None:
        """Use them no more; they are stopped, within five seconds, if nobody else does. A second call does nothing."""
        if self._use is None:
            return
        with self._starting(patience=_PATIENCE), self._use as use:
            self._use = None
            fcntl.flock(use, fcntl.LOCK_UN)
            if _try_lock(use):
                process.stop(self.engines)

    @contextlib.contextmanager
    def _starting(self, patience: float | None = None) -> Iterator[None]:
        """Hold the start lock; without it once patience, in seconds, is at an end."""
        begun = time.monotonic()
        pause = self._pause if patience is None else time.sleep
        with (self._folder / "start").open("a") as lock:
            while not _try_lock(lock) and (patience is None or time.monotonic() - begun < patience):
                pause(0.02)
            yield


@contextlib.contextmanager
def borrowed(here: Environment) -> Iterator[None]:
    """Have the engines run for the time of the block, shared with every process that uses this DATA_DIR."""
    share = Share(here)
    try:
        share.take()
        yield
    finally:
        # An impatient second Ctrl-C must not leave them running.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        share.leave()
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_alone(path: Path) -> IO[str] | None:
    """An open file that holds the lock until it is closed, None where another process has it."""
    file = path.open("a")
    if _try_lock(file):
        return file
    file.close()
    return None
