"""A process that is started again when it dies."""

import os
import select
import time
from collections.abc import Callable

_SOONEST, _LATEST = 0.2, 5.0  # seconds before a new start; doubled from one to the other
_WELL = 10.0  # seconds of life after which a death counts as the first


class Watched:
    """One process, known by the pid that `start` returns each time it has started it."""

    def __init__(self, name: str, start: Callable[[], int]) -> None:
        self.name = name
        self.due = 0.0  # time.monotonic() of the next start, meant while it does not run
        self._start = start
        self._handle: int | None = None  # a pidfd: readable when the process has ended
        self._began = 0.0
        self._delay = _SOONEST

    @property
    def handle(self) -> int | None:
        """A file that is readable once the process has ended, None while it does not run."""
        return self._handle

    def start(self) -> None:
        """Start it. What the start raises puts off the next one."""
        self._began = time.monotonic()
        try:
            self._handle = os.pidfd_open(self._start())
        except BaseException:
            self._put_off()
            raise

    def died(self) -> bool:
        """Whether it has ended since the last look; then `due` says when to start it again."""
        if self._handle is None or not select.select([self._handle], [], [], 0)[0]:
            return False
        os.close(self._handle)
        self._handle = None
        if time.monotonic() - self._began > _WELL:
            self._delay = _SOONEST
        self._put_off()
        return True

    def _put_off(self) -> None:
        self.due = time.monotonic() + self._delay
        self._delay = min(self._delay * 2, _LATEST)
