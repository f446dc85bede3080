"""What a stream missed: django-eventstream's storage, read from the messages themselves."""

from typing import Any

from django_eventstream.event import Event
from django_eventstream.storage import StorageBase

from chat.live.channels import room_of
from chat.messages.fragments import message_event
from chat.messages.models import Message
from chat.rooms.models import Room


class MessageLog(StorageBase):  # type: ignore[misc]
    """Events are changes of messages, their ids the room's seq. Nothing is kept twice, so nothing is appended."""

    def append_event(self, channel: str, event_type: str, data: Any) -> Event:
        """Raises NotImplementedError."""
        raise NotImplementedError("a change is stored by its action")

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[Event]:
        """The latest state of what changed after `last_id`, oldest change first."""
        changed = Message.objects.filter(room=room_of(channel)).changed_after(last_id, limit)
        return [Event(channel, "", message_event(message), message.changed_seq) for message in changed]

    def get_current_id(self, channel: str) -> int:
        """The room's newest seq, 0 where there is no room."""
        room = room_of(channel)
        return Room.objects.heads([room]).get(room, 0)
