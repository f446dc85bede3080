"""uvicorn's HTTP connection, which also lets a stream write to it without a detour through ASGI's `send`."""

from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chat.stream.serve import SOCKET


class Connection(HttpToolsProtocol):
    """Is the `Socket` of the streams that it carries."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, object], self.scope)["extensions"] = {SOCKET: self}

    full = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.full = False  # nobody has to wait any more
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self.full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self.full = False
        super().resume_writing()

    def write(self, data: bytes) -> None:
        if self.transport.is_closing():
            raise ConnectionResetError("the other end has gone")
        self.transport.write(data)

    async def writable(self) -> None:
        await self.flow.drain()

    def abort(self) -> None:
        self.transport.abort()
