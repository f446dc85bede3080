"""All browsers and writers of a scene, in one event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


class Crowd:
    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._dismiss())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it there, and returns what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def send(self, *errands: Coroutine[Any, Any, None]) -> None:
        """Each goes on by itself until it ends or the crowd is dismissed."""
        self.run(self._start(errands))

    def raise_what_went_wrong(self) -> None:
        """The error of an errand that ended with one."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _start(self, errands: tuple[Coroutine[Any, Any, None], ...]) -> None:
        self._tasks += [self._loop.create_task(errand) for errand in errands]

    async def _dismiss(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
