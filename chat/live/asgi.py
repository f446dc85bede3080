"""One process for pages and streams: Django answers every request, and the streams it permits are held here."""

import asyncio
import functools
import logging
from typing import Protocol
from urllib.parse import quote

from django.conf import settings
from django.db import DatabaseError
from django_eventstream.utils import sse_encode_event

from chat.accounts.actions import ASK_AGAIN
from chat.live.body import WholeBodies
from chat.live.channels import ROOM
from chat.live.door import Door
from chat.live.seats import Claim, Seat, Seats
from chat.live.source import Postgres
from chat.live.ticket import CONTENT_TYPE, Ticket
from chat.stream.hub import Hub
from chat.stream.serve import SOCKET, ASGIMessage, Receive, Scope, Send, Stream, Subscription, serve
from chat.stream.wire import Wire

FACTS = "madang.facts"
"""In the scope's extensions: what Django cannot know of this process."""
AWAY = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2")]

log = logging.getLogger("madang.live")


class Pages(Protocol):
    """Django, wherever it runs: an ASGI application that works while `run` does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def run(self) -> None: ...


class Madang:
    """An ASGI application. Streams need `start` first; `drain` sends their listeners away, `stop` ends it all."""

    def __init__(self, pages: Pages) -> None:
        self._django = pages
        self._pages = WholeBodies(pages)

    async def start(self) -> None:
        """Connects this process to the others."""
        self._source = Postgres()
        self.hub = Hub(settings.REDIS_URL, self._source, Wire(sse_encode_event), self._control)
        self._seats = Seats(self.hub, self._source)
        self._door = Door(self._source)
        self._tasks = [asyncio.create_task(self._django.run()), asyncio.create_task(self._seats.run())]
        self.hub.start()

    def drain(self) -> None:
        """Sends the listeners away, each to return after a time of their own."""
        self.hub.drain()

    async def stop(self) -> None:
        """Ends what `start` began."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.hub.stop()
        self._source.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            scope["extensions"][FACTS] = {"madang.bus": "ok" if self.hub.bus.connected else "away"}
            if not scope["query_string"].isascii():
                scope["query_string"] = quote(scope["query_string"], safe="%&=+").encode()
            if scope["path"].endswith("/stream/"):
                await self._stream(scope, receive, send)
            else:
                await self._pages(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            ticket = await self._door.ticket(scope)
        except DatabaseError as error:
            log.warning("a stream has to come again, Postgres is away: %s", error)
            await _refuse(send)
            return
        if ticket is None:
            answer: list[ASGIMessage] = []
            await self._pages(scope, receive, _kept_in(answer))
            if (b"content-type", CONTENT_TYPE.encode()) not in answer[0]["headers"]:
                for message in answer:
                    await send(message)
                return
            ticket = Ticket.unpack(b"".join(message.get("body", b"") for message in answer))
            del answer
        stream = Stream(send, scope["extensions"][SOCKET])
        try:
            await self._hold(receive, stream, ticket)
        except DatabaseError as error:
            log.warning("a stream has to come again, Postgres is away: %s", error)
        if not stream.started:
            await _refuse(send)

    async def _hold(self, receive: Receive, stream: Stream, ticket: Ticket) -> None:
        topic = next((channel for channel in ticket.channels if channel.startswith(ROOM)), None)
        seat = Seat(stream, Claim(ticket.session_key, ticket.user_id, ticket.auth_hash), topic)
        self._seats.take(seat)
        try:
            check = functools.partial(self._seats.may_stay, seat)
            await serve(receive, stream, self.hub, Subscription(topic, ticket.after, check))
        finally:
            self._seats.leave(seat)

    def _control(self, event: str, data: str) -> None:
        if event == ASK_AGAIN:
            self._seats.ask_again(int(data))
        elif not event:  # something may have been lost
            self._seats.ask_again()


def _kept_in(messages: list[ASGIMessage]) -> Send:
    async def keep(message: ASGIMessage) -> None:
        messages.append(message)

    return keep


async def _refuse(send: Send) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": AWAY})
    await send({"type": "http.response.body", "body": b"Try again in a moment.\n"})
