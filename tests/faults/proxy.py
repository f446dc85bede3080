"""A small TCP proxy whose link can be cut, refused, delayed, or left half-open."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

CHUNK = 64 * 1024
T = TypeVar("T")


@dataclass(eq=False)
class Pair:
    """One connection: the near and the far end."""

    task: "asyncio.Task[None]"
    dead: bool


class Link(Enum):
    OPEN = "open"
    REFUSED = "refused"
    """Connections are cut, and nobody listens."""
    HALF_OPEN = "half-open"
    """Connections stay, and everything that is sent is swallowed; those that were there then are dead for ever."""


class Proxy:
    """Leads from a TCP port to a unix socket. Runs in a thread of its own."""

    def __init__(self, upstream: Path) -> None:
        self.delay = 0.0
        """Seconds that every piece waits on its way."""
        self._upstream = str(upstream)
        self._link = Link.OPEN
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._pairs: set[Pair] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._set(Link.REFUSED))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def set(self, link: Link) -> None:
        """Returns when it is so."""
        self._run(self._set(link))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _set(self, link: Link) -> None:
        self._link = link
        for pair in self._pairs:
            pair.dead |= link is Link.HALF_OPEN
        if link is Link.REFUSED:
            if self._server is not None:
                self._server.close()
                self._server = None
            for pair in tuple(self._pairs):
                pair.task.cancel()
            await asyncio.gather(*(pair.task for pair in self._pairs), return_exceptions=True)
        elif self._server is None:
            self._listening = socket.create_server(("127.0.0.1", self.port))
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listening)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        pair = Pair(task, dead=self._link is Link.HALF_OPEN)
        self._pairs.add(pair)
        with suppress(OSError, asyncio.CancelledError):
            await self._join(reader, writer, pair)
        writer.transport.abort()
        self._pairs.discard(pair)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: Pair) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._upstream)
        ways = [
            asyncio.create_task(self._carry(reader, far_writer, pair)),
            asyncio.create_task(self._carry(far_reader, writer, pair)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, pair: Pair) -> None:
        while piece := await source.read(CHUNK):
            if pair.dead:
                continue
            if self.delay:
                await asyncio.sleep(self.delay)
            target.write(piece)
            await target.drain()
        if pair.dead:
            await asyncio.Event().wait()  # that one side has gone is swallowed, too
