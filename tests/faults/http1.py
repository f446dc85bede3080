"""Just enough of HTTP/1.1 and of server-sent events for hundreds of clients in one event loop."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK = 64 * 1024


class Broken(Exception):
    """The connection ended where it should not, or what came is no HTTP."""


@dataclass(frozen=True, slots=True)
class Event:
    id: int | None
    name: str
    data: bytes


class Response:
    """A response whose head has come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.status = 0
        self._reader = reader
        self._writer = writer
        self._chunked = False

    async def begin(self) -> "Response":
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            self.status = int(head.split(b" ")[1])
        except (asyncio.IncompleteReadError, ValueError, IndexError) as error:
            raise Broken from error
        self._chunked = re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE) is not None
        return self

    async def pieces(self) -> AsyncIterator[bytes]:
        """What comes, until it ends."""
        chunks = Chunks() if self._chunked else None
        while piece := await self._reader.read(CHUNK):
            for part in chunks.feed(piece) if chunks else (piece,):
                yield part

    async def read_whole(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    def close(self) -> None:
        self._writer.transport.abort()


class Chunks:
    """Takes the chunked transfer coding (RFC 9112, 7.1) off."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of those chunks that are whole now."""
        self._buffer += piece
        while (line := self._buffer.find(b"\r\n")) >= 0:
            size = int(bytes(self._buffer[:line]).split(b";")[0], 16)
            end = line + 2 + size
            if len(self._buffer) < end + 2:
                return
            yield bytes(self._buffer[line + 2 : end])
            del self._buffer[: end + 2]


class Events:
    """Takes frames apart. Fields and lines are the HTML standard's (9.2.6), as far as our own server uses them."""

    def __init__(self) -> None:
        self._buffer = b""
        self.retry_ms: int | None = None

    def feed(self, piece: bytes) -> Iterator[Event]:
        *blocks, self._buffer = (self._buffer + piece).split(b"\n\n")
        for block in blocks:
            number, name, data = None, "", []
            for line in block.split(b"\n"):
                field, _, value = line.partition(b": ")
                if field == b"data":
                    data.append(value)
                elif field == b"id":
                    number = int(value)
                elif field == b"event":
                    name = value.decode()
                elif field == b"retry":
                    self.retry_ms = int(value)
            if data:
                yield Event(number, name, b"\n".join(data))


async def get(address: str, path: str, headers: Mapping[str, str], seconds: float) -> Response:
    """Asks, and returns when the head of the answer has come. Raises OSError, TimeoutError or Broken."""
    url = urlsplit(address)
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n{lines}\r\n".encode())
            return await Response(reader, writer).begin()
        except BaseException:
            writer.transport.abort()
            raise


async def get_whole(address: str, path: str, session: str, seconds: float = 15) -> tuple[int, bytes]:
    """Status and body. Raises OSError, TimeoutError or Broken."""
    response = await get(address, path, {"Cookie": f"sessionid={session}", "Connection": "close"}, seconds)
    try:
        async with asyncio.timeout(seconds):
            return response.status, await response.read_whole()
    finally:
        response.close()
