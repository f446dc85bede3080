"""One process for pages and streams: Django answers every request, and the streams it permits are held here."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django_eventstream.utils import sse_encode_event

from chat.accounts.actions import ASK_AGAIN
from chat.live.body import App, WholeBodies
from chat.live.channels import ROOM
from chat.live.seats import Seat, Seats
from chat.live.source import Postgres
from chat.live.ticket import CONTENT_TYPE, Ticket
from chat.stream.hub import Hub
from chat.stream.serve import ASGIMessage, Receive, Scope, Send, Stream, Subscription, serve
from chat.stream.wire import Wire

WSGIApp = Callable[..., Any]
PAGE_THREADS = 8


class Madang:
    """An ASGI application. Streams need `start` first; `drain` sends their listeners away, `stop` ends it all."""

    def __init__(self, django: WSGIApp) -> None:
        self._pages = WholeBodies(cast(App, WSGIMiddleware(self._aware(django), workers=PAGE_THREADS)))

    async def start(self) -> None:
        """Connects this process to the others."""
        self._source = Postgres()
        self.hub = Hub(settings.REDIS_URL, self._source, Wire(sse_encode_event), self._control)
        self._seats = Seats(self.hub, self._source)
        self._asking = asyncio.create_task(self._seats.run())
        self.hub.start()

    def drain(self) -> None:
        """Sends the listeners away, each to return after a time of their own."""
        self.hub.drain()

    async def stop(self) -> None:
        """Ends what `start` began."""
        self._asking.cancel()
        await self.hub.stop()
        self._source.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
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
        answer: list[ASGIMessage] = []
        await self._pages(scope, receive, _kept_in(answer))
        if (b"content-type", CONTENT_TYPE.encode()) not in answer[0]["headers"]:
            for message in answer:
                await send(message)
            return
        ticket = Ticket.unpack(b"".join(message.get("body", b"") for message in answer))
        del answer
        await self._hold(receive, Stream(send), ticket)

    async def _hold(self, receive: Receive, stream: Stream, ticket: Ticket) -> None:
        topic = next((channel for channel in ticket.channels if channel.startswith(ROOM)), None)
        signals = [channel for channel in ticket.channels if channel != topic]
        seat = Seat(stream, ticket.user_id, ticket.session_key, ticket.auth_hash, topic)
        self._seats.take(seat)
        try:
            check = functools.partial(self._seats.may_stay, seat)
            await serve(receive, stream, self.hub, Subscription(topic, ticket.after, signals, check))
        finally:
            self._seats.leave(seat)

    def _aware(self, django: WSGIApp) -> WSGIApp:
        """Tells Django what it cannot know: that streams are held here, and whether the bus is there."""

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            environ["madang.bus"] = "ok" if self.hub.bus.connected else "away"
            return django(environ, start_response)

        return application

    def _control(self, event: str, data: str) -> None:
        if event == ASK_AGAIN:
            self._seats.ask_again(int(data))
        elif not event:  # something may have been lost
            self._seats.ask_again()


def _kept_in(messages: list[ASGIMessage]) -> Send:
    async def keep(message: ASGIMessage) -> None:
        messages.append(message)

    return keep
