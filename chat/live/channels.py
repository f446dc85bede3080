"""Which channels a stream may have: django-eventstream's channel manager, asked on every connect and once again."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django_eventstream.channelmanager import ChannelManagerBase

from chat.accounts.models import User
from chat.rooms.access import may_enter
from chat.rooms.models import Room

ROOM = "room:"
PULSE = "pulse:"


def room_of(channel: str) -> uuid.UUID:
    """The room that a channel is about. Raises ValueError for other names."""
    return uuid.UUID(channel.partition(":")[2])


def signals(rooms: Iterable[uuid.UUID], topic: str | None) -> set[str]:
    """What a stream hears beside its topic: the pulse of the person's other rooms."""
    return {f"{PULSE}{room}" for room in rooms if f"{ROOM}{room}" != topic}


class RoomChannels(ChannelManagerBase):  # type: ignore[misc]
    def get_channels_for_request(self, request: HttpRequest, view_kwargs: dict[str, Any]) -> set[str]:
        """The open room in full, and the pulse of the person's other rooms."""
        assert isinstance(request.user, User)
        rooms = set(Room.objects.of(request.user).values_list("pk", flat=True))
        topics = {f"{ROOM}{room}" for room in rooms & {view_kwargs.get("room_id")}}
        return topics | signals(rooms, next(iter(topics), None))

    def can_read_channel(self, user: User | None, channel: str) -> bool:
        """Members may, for a room in full as for its pulse."""
        return user is not None and may_enter(user.pk, room_of(channel))

    def is_channel_reliable(self, channel: str) -> bool:
        """Whether the storage has what a client missed: of rooms it has, of pulses there is nothing to keep."""
        return channel.startswith(ROOM)
