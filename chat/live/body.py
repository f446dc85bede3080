"""Request bodies, whole before a thread is taken: who sends slowly or never keeps nobody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable

from chat.stream.serve import ASGIMessage, Receive, Scope, Send

MOST_BYTES = 2_621_440
"""As Django's DATA_UPLOAD_MAX_MEMORY_SIZE."""
SECONDS = 15

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    pass


class Gone(Exception):
    """Cut off before its end: half a message must not be taken for a whole one."""


class WholeBodies:
    """An ASGI application in front of another that answers 413 and 408 for it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                body = await _read(receive)
        except Gone:
            return
        except TimeoutError:
            await _refuse(send, 408, b"The request took too long to arrive.\n")
        except TooLarge:
            await _refuse(send, 413, b"This is too large to be sent.\n")
        else:
            await self._app(scope, _once(body, receive), send)


async def _read(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise TooLarge
        more = message.get("more_body", False)
    return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, then what the server says."""
    waiting = [body]

    async def receive_once() -> ASGIMessage:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receive_once


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})
