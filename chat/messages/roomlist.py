"""A person's rooms, the one with the latest message first."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from chat.accounts.models import User
from chat.messages.models import Message
from chat.rooms.models import Room


@dataclass(frozen=True, slots=True)
class Entry:
    id: uuid.UUID
    name: str
    initials: str
    color: int
    kind: str
    last_text: str
    last_sender: str
    last_at: datetime | None
    is_current: bool


def room_list(user: User, current: uuid.UUID | None = None) -> list[Entry]:
    """Two queries, however many rooms and messages there are."""
    newest = Message.objects.filter(room=OuterRef("pk"), deleted_at=None).order_by("-seq").values("pk")[:1]
    rooms = {room: room.newest for room in Room.objects.of(user).annotate(newest=Subquery(newest))}  # type: ignore[attr-defined]
    messages = Message.objects.shown().in_bulk([pk for pk in rooms.values() if pk])
    entries = [_entry(room, messages.get(pk), current) for room, pk in rooms.items()]
    return sorted(entries, key=lambda entry: (entry.last_at is not None, entry.last_at, entry.name), reverse=True)


def _entry(room: Room, last: Message | None, current: uuid.UUID | None) -> Entry:
    return Entry(
        id=room.pk,
        name=room.name,
        initials=room.initials,
        color=room.color,
        kind=room.kind,
        last_text=" ".join(last.text[:200].split()) if last else "",
        last_sender=last.sender.name if last else "",
        last_at=last.created_at if last else None,
        is_current=room.pk == current,
    )
