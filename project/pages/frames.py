"""What passes between the server and its pages: questions and answers, each behind its length.

Both ends are one installation on one Python, hence marshal.
"""

import marshal
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

Headers = list[tuple[bytes, bytes]]
_LENGTH_BYTES = 4


class Question(NamedTuple):
    number: int
    method: str
    path: str
    query: bytes
    headers: Headers
    scheme: str
    client: tuple[str, int] | None
    server: tuple[str, int] | None
    facts: dict[str, str]
    """What the server adds to the WSGI environ."""
    body: bytes


class Answer(NamedTuple):
    number: int
    status: int
    headers: Headers
    body: bytes


def pack(message: Question | Answer) -> bytes:
    data = marshal.dumps(tuple(message))
    return len(data).to_bytes(_LENGTH_BYTES) + data


def read(stream: BinaryIO) -> tuple[Any, ...] | None:
    """The next message, None when the other end has gone."""
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    data = stream.read(int.from_bytes(length))
    return tuple(marshal.loads(data)) if len(data) == int.from_bytes(length) else None  # noqa: S302  # our own process


class Reader:
    """The same for bytes that come in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        self._buffer += data
        while len(self._buffer) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._buffer[:_LENGTH_BYTES])
            if len(self._buffer) < end:
                return
            yield tuple(marshal.loads(memoryview(self._buffer)[_LENGTH_BYTES:end]))  # noqa: S302  # our own process
            del self._buffer[:end]
