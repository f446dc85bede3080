"""One process for pages and streams: Django answers every request, and the streams it permits are held here."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django_eventstream.utils import get_channelmanager, sse_encode_event

from chat.accounts.models import User
from chat.live.channels import ROOM
from chat.live.source import Postgres
from chat.live.ticket import CONTENT_TYPE, Ticket
from chat.stream.hub import Hub
from chat.stream.serve import ASGIMessage, Receive, Scope, Send, Subscription, serve
from chat.stream.wire import Wire

WSGIApp = Callable[..., Any]
ASGIApp = Callable[..., Awaitable[None]]
PAGE_THREADS = 8


class Madang:
    """An ASGI application. Streams need `start` first; `drain` sends their listeners away, `stop` ends it all."""

    def __init__(self, django: WSGIApp) -> None:
        self._pages: ASGIApp = WSGIMiddleware(_holding_streams(django), workers=PAGE_THREADS)

    async def start(self) -> None:
        self._source = Postgres()
        self.hub = Hub(settings.REDIS_URL, self._source, Wire(sse_encode_event))
        self.hub.start()

    def drain(self) -> None:
        self.hub.drain()

    async def stop(self) -> None:
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
        await serve(receive, send, self.hub, self._subscription(ticket))

    def _subscription(self, ticket: Ticket) -> Subscription:
        topic = next((channel for channel in ticket.channels if channel.startswith(ROOM)), None)
        signals = [channel for channel in ticket.channels if channel != topic]
        return Subscription(topic, ticket.after, signals, lambda: self._may_hear(ticket.user_id, topic))

    async def _may_hear(self, user_id: int, topic: str | None) -> bool:
        if topic is None:
            return True
        user = User(pk=user_id)
        return await self._source.run(lambda: bool(get_channelmanager().can_read_channel(user, topic)))


def _holding_streams(django: WSGIApp) -> WSGIApp:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        environ["madang.holds_streams"] = True
        return django(environ, start_response)

    return application


def _kept_in(messages: list[ASGIMessage]) -> Callable[[ASGIMessage], Awaitable[None]]:
    async def keep(message: ASGIMessage) -> None:
        messages.append(message)

    return keep
