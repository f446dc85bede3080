"""One open stream: a plain ASGI response that holds no request, no thread and no database connection."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from chat.stream.hub import Hub

ASGIMessage = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Coroutine[Any, Any, None]]

log = logging.getLogger("madang.stream")

SOCKET = "madang.socket"
MOST_WAITING_BYTES = 1024 * 1024
WRITE_SECONDS = 20
RETRY_MS = (1000, 5000)
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Socket(Protocol):
    """What the server gives beside ASGI's `send`, as `SOCKET` in the scope's extensions: the connection itself."""

    full: bool
    """Whether what was written has to be read before more is."""

    def write(self, data: bytes) -> None:
        """Sends or buffers these bytes of the response as they are. Raises OSError when the other end has gone."""
        ...

    async def writable(self) -> None:
        """Returns when it is no longer full."""
        ...

    def abort(self) -> None:
        """Drops the connection and what it has buffered."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one stream is about. `check` asks once more, after the listener is registered, whether it may hear it: the
    topics whose signals it hears besides, or None."""

    topic: str | None
    after: int | None
    check: Callable[[], Awaitable[Collection[str] | None]]


async def serve(receive: Receive, stream: "Stream", hub: Hub, subscription: Subscription) -> None:
    """Serves one stream until the browser leaves, `Stream.end` is called, or the reader is too slow."""
    try:
        if not await _join(stream, hub, subscription):
            await stream.start()
            stream.push(hub.wire.closed("removed"))
            return
        if hub.draining:
            hub.send_away(stream)
        retry_ms = random.randint(*RETRY_MS)  # noqa: S311  # so that not all come back at once
        stream.push(hub.wire.ping(stream.cursor, retry_ms))
        while (await receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        if not stream.ended:
            raise
    finally:
        hub.leave(stream)
        await stream.close()
        if stream.aborted:
            await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Returns when the server knows that the connection was dropped, and so does not miss the response's end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            while (await receive())["type"] != "http.disconnect":
                pass


async def _join(stream: "Stream", hub: Hub, subscription: Subscription) -> bool:
    """The response begins when the check has passed: who sees it begin misses nothing from then on."""

    signals: Collection[str] | None = None

    async def check() -> bool:
        nonlocal signals
        signals = await subscription.check()
        if signals is not None:
            await stream.start()
        return signals is not None

    if subscription.topic is None:
        joined = await check()
    else:
        joined = await hub.follow(stream, subscription.topic, subscription.after, check)
    if joined and signals is not None and not hub.hears(stream):  # else somebody has asked since
        hub.hear(stream, signals)
    return joined


class Stream:
    """The writing end. Frames go straight to the socket, from whoever pushes them; no task wakes up for it.

    Only when the socket is full does a task wait for it, for at most WRITE_SECONDS, while at most
    MOST_WAITING_BYTES queue up. A slower reader is cut off, and comes back with its Last-Event-ID.
    """

    __slots__ = (
        "_send",
        "_socket",
        "_task",
        "_waiting",
        "_waiting_bytes",
        "_writing",
        "aborted",
        "cursor",
        "ended",
        "started",
    )

    def __init__(self, send: Send, socket: Socket) -> None:
        self.cursor = 0
        self.ended = False
        self.aborted = False
        self.started = False
        self._send = send
        self._socket = socket
        self._task = asyncio.current_task()
        self._writing: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    async def start(self) -> None:
        """Sends the head of the response, which has no length and therefore comes in chunks."""
        self.started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": HEADERS})

    def push(self, frames: bytes) -> None:
        """Writes now, or as soon as the socket takes it. Never blocks, never raises."""
        if self.ended or not self.started:
            return
        if self._writing is None and not self._socket.full:
            self._write(frames)
            return
        if self._waiting_bytes + len(frames) > MOST_WAITING_BYTES:
            self._cut()
            return
        self._waiting.append(frames)
        self._waiting_bytes += len(frames)
        self._write_later()

    async def drained(self) -> None:
        """Returns when the socket takes more, or has been given up."""
        if self._socket.full:
            self._write_later()
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def end(self, frame: bytes) -> None:
        """Sends this last frame and ends the response."""
        self.push(frame)
        self._cut()

    async def close(self) -> None:
        """Ends the response, or drops the connection when the reader does not take even that."""
        self.ended = True
        if not self.started:
            return
        if self._writing is not None or self._socket.full:
            self._abort()
            return
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except Exception as error:
            self._lost(error)

    def _write(self, frames: bytes) -> None:
        try:
            self._socket.write(_last_chunk[1] if _last_chunk[0] is frames else _chunk(frames))
        except OSError as error:
            self._lost(error)

    def _write_later(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_when_possible())

    async def _write_when_possible(self) -> None:
        try:
            while (self._waiting or self._socket.full) and not self.ended:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._socket.writable()
                frames, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
                if frames:
                    self._write(frames)
            self._writing = None
        except TimeoutError:
            self._cut()

    def _abort(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
        self._waiting.clear()
        self.aborted = True
        self._socket.abort()

    def _lost(self, error: Exception) -> None:
        """The server could not write: whatever that means, it concerns this stream alone."""
        log.info("a stream was lost: %r", error)
        self._cut()

    def _cut(self) -> None:
        if not self.ended:
            self.ended = True
            if self._task is not None:
                self._task.cancel()


def _chunk(frames: bytes) -> bytes:
    """One chunk of an HTTP/1.1 body (RFC 9112, 7.1). The same frames go to many, one after the other."""
    global _last_chunk  # noqa: PLW0603
    _last_chunk = (frames, b"%x\r\n%b\r\n" % (len(frames), frames))
    return _last_chunk[1]


_last_chunk = (b"", b"")
