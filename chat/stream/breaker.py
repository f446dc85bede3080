"""What hangs costs one request its patience, not every request."""

import threading
import time
from types import TracebackType

import redis

PAUSE_SECONDS = 2


class Breaker:
    """A context for what is asked of an engine. After an error of the kind `trips_on` it raises `refusal` at once, for
    PAUSE_SECONDS; then one may try again."""

    def __init__(self, *, trips_on: type[Exception], refusal: Exception) -> None:
        self._trips_on = trips_on
        self._refusal = refusal
        self._lock = threading.Lock()
        self._broken_until = 0.0

    def __enter__(self) -> None:
        if not self._broken_until:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._broken_until:
                raise type(self._refusal)(*self._refusal.args)
            self._broken_until = now + PAUSE_SECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, self._trips_on):
            self._broken_until = time.monotonic() + PAUSE_SECONDS
        elif self._broken_until:
            self._broken_until = 0.0


REDIS = Breaker(trips_on=redis.TimeoutError, refusal=redis.ConnectionError("Redis did not answer a moment ago"))
"""The one Redis of this process."""
