"""What Django's answer tells the process that holds the stream: who listens, to what, from where on."""

import json
import re
from dataclasses import asdict, dataclass

CONTENT_TYPE = "application/vnd.madang.ticket+json"
UNREADABLE = 2**63 - 1
"""A position nobody can be at: answered with a reset."""


@dataclass(frozen=True, slots=True)
class Ticket:
    user_id: int
    session_key: str
    auth_hash: str
    channels: list[str]
    after: int | None

    def pack(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, body: bytes) -> "Ticket":
        """From what `pack` wrote."""
        return cls(**json.loads(body))


def position(*given: str | None) -> int | None:
    """The furthest of the positions that a client names, None if it names none.

    A position is a seq, or `<channel>:<seq>` as Pushpin writes it. What cannot be read counts as lost: the
    client starts fresh, after a reset.
    """
    positions = [_read(text) for text in given if text]
    return max((seq for seq in positions if seq is not None), default=UNREADABLE if positions else None)


def _read(text: str) -> int | None:
    match = re.fullmatch(r"(?:[^,\s]{1,200}:)?([0-9]{1,18})", text[:256])
    return int(match[1]) if match else None
