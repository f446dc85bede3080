"""SSE bytes: every frame that a stream may carry, and the envelope in which changes cross from process to process.

The format is the HTML standard's (server-sent events, section 9.2); the encoder comes from outside.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

Encoder = Callable[[str, str, int | None], str]
"""(event name, data, id or None) -> the text of one event, as django-eventstream's `sse_encode_event` writes it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is announced on a topic: a durable change (seq ≥ 1, unnamed) or a signal (seq 0, named)."""

    seq: int
    event: str
    data: str

    def pack(self) -> bytes:
        """Three lines: seq, event, data."""
        return f"{self.seq}\n{self.event}\n{self.data}".encode()

    @classmethod
    def unpack(cls, payload: bytes) -> "Envelope":
        """Raises ValueError for bytes that are no envelope."""
        seq, event, data = payload.decode().split("\n", 2)
        if not (seq.isascii() and seq.isdigit()):
            raise ValueError("an envelope starts with its seq")
        return cls(int(seq), event, data)


@dataclass(frozen=True, slots=True)
class Wire:
    encode: Encoder

    def change(self, seq: int, html: str) -> bytes:
        """A durable change: unnamed, so that htmx swaps it and EventSource calls it a message."""
        return self.encode("", html, seq).removeprefix("event: \n").encode()

    def signal(self, event: str, data: str) -> bytes:
        """A state, not part of the log: named, without an id."""
        return self.encode(event, data, None).encode()

    def ping(self, seq: int, retry_ms: int | None = None) -> bytes:
        """The room's newest seq. `retry_ms` tells this one browser how long to wait before it comes back."""
        frame = self.signal("ping", json.dumps({"seq": seq}))
        return frame if retry_ms is None else b"retry: %d\n" % retry_ms + frame

    def reset(self, seq: int) -> bytes:
        """The timeline has to be read anew; who has done so knows all up to `seq`."""
        return self.signal("reset", json.dumps({"seq": seq}))

    def closed(self, reason: str, **facts: int) -> bytes:
        """The server's last word: "removed", "signed-out" or "drain" (then with `retry_ms`)."""
        return self.signal("closed", json.dumps({"reason": reason} | facts))
