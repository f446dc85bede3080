"""Where Django looks for tables; each feature keeps its own."""

from chat.accounts.models import User
from chat.messages.models import Message
from chat.rooms.models import Room, RoomMember

__all__ = ["Message", "Room", "RoomMember", "User"]
