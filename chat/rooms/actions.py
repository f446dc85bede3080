"""What people can do with rooms."""

from collections.abc import Iterable

from django.db import transaction

from chat.accounts.actions import ask_again
from chat.accounts.models import User
from chat.rooms.models import Room, RoomMember


@transaction.atomic
def create_room(*, owner: User, name: str, people: Iterable[User] = (), kind: str = Room.Kind.GROUP) -> Room:
    """A new room with its owner and first members. Direct rooms are not made here."""
    room = Room.objects.create(kind=kind, name=name)
    RoomMember.objects.create(room=room, user=owner, role=RoomMember.Role.OWNER)
    add_members(room=room, people=people)
    return room


def add_members(*, room: Room, people: Iterable[User]) -> None:
    """Lets people in who have read all that was said before; who is in already stays as they are."""
    members = [RoomMember(room=room, user=person, last_read_seq=room.last_seq) for person in people]
    RoomMember.objects.bulk_create(members, ignore_conflicts=True, batch_size=5000)


@transaction.atomic
def remove_member(*, room: Room, person: User) -> None:
    """Shows a person out and ends their streams of this room. Does nothing when they are not in."""
    RoomMember.objects.filter(room=room, user=person).delete()
    ask_again(person=person)
