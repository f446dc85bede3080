"""Ctrl-C and SIGTERM as something to wait for, so that no step is cut in two."""

import select
import signal
import socket
from types import FrameType
from typing import Protocol

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked this process to end."""


class HasFileno(Protocol):
    """What select can wait for."""

    def fileno(self) -> int: ...


class Stop:
    """The wish to end, noted from signals. More signals change nothing."""

    def __init__(self) -> None:
        self._asked = False
        self._wake, signalled = socket.socketpair()
        signalled.setblocking(False)
        self._signalled = signalled  # kept open for as long as signals may come
        signal.set_wakeup_fd(signalled.fileno(), warn_on_full_buffer=False)
        for number in ENDINGS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)

    def pause(self, seconds: float, *until: int | HasFileno) -> None:
        """Wait so many seconds, or until one of the files is readable. Raises Stopped once somebody asked to end."""
        if not self._asked:
            select.select([self._wake, *until], [], [], max(0, seconds))
        if self._asked:
            raise Stopped

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
