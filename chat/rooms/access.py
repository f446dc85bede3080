"""The one door: a room is found only through a person's membership in it."""

import uuid

from chat.accounts.models import User
from chat.compiled import Compiled
from chat.rooms.models import RoomMember

_membership = Compiled(lambda: RoomMember.objects.select_related("room").filter(room=uuid.UUID(int=0)).filter(user=0))


class NotAMember(Exception):
    """The room does not exist, or not for this person; nobody can tell which."""


def enter(user: User, room_id: uuid.UUID) -> RoomMember:
    """The person's membership, with its room. Raises NotAMember."""
    member = _membership.first(room_id, user.pk)
    if member is None:
        raise NotAMember
    return member


def may_enter(user_id: int, room_id: uuid.UUID) -> bool:
    """The same question without the room, for someone who was let in before."""
    return RoomMember.objects.filter(room=room_id, user=user_id, user__is_active=True).exists()
