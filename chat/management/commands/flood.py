import itertools
import random
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from chat.accounts.actions import create_people
from chat.accounts.models import User
from chat.messages.actions import post_many
from chat.rooms.actions import add_members
from chat.rooms.models import Room

BATCH = 5000
WORDS = "courtyard lantern persimmon bridge harbour maple 마당 등불 감나무 다리 항구 단풍 회의 배포 점심 내일".split()  # noqa: SIM905


class Command(BaseCommand):
    help = "Brings a room to N more members (p00001 …) and K more messages, by the same rules as people do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("room", type=UUID)
        parser.add_argument("--people", type=int, default=0, metavar="N")
        parser.add_argument("--messages", type=int, default=0, metavar="K")

    def handle(self, *args: Any, **options: Any) -> None:
        room = Room.objects.filter(pk=options["room"]).first()
        if room is None:
            raise CommandError(f"There is no room {options['room']}.")
        if options["people"] < 0 or options["messages"] < 0:
            raise CommandError("--people and --messages are 0 or more.")
        add_members(room=room, people=create_people(names=_newcomers(room, options["people"])))
        _talk(room, options["messages"])
        self.stdout.write(f"{room.pk} {room.members.count()} members, {Room.objects.get(pk=room.pk).last_seq} messages")


def _newcomers(room: Room, count: int) -> list[str]:
    """The first `count` of p00001, p00002 … who are not in the room."""
    present = set(
        User.objects.filter(memberships__room=room, username__regex=r"^p\d{5,}$").values_list("username", flat=True)
    )
    names = (f"p{number:05d}" for number in itertools.count(1))
    return list(itertools.islice((name for name in names if name not in present), count))


def _talk(room: Room, count: int) -> None:
    speakers = list(User.objects.filter(memberships__room=room)[:1000])
    if count and not speakers:
        raise CommandError("Nobody is in this room to say anything.")
    for start in range(0, count, BATCH):
        post_many(room=room, posts=list(_posts(speakers, min(BATCH, count - start))))


def _posts(speakers: list[User], count: int) -> Iterator[tuple[User, str]]:
    for _ in range(count):
        length = random.randint(2, 16)  # noqa: S311  # small talk is no secret
        yield random.choice(speakers), " ".join(random.choices(WORDS, k=length))  # noqa: S311
