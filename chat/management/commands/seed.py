import uuid
from typing import Any

from django.core.management.base import BaseCommand

from chat.accounts.actions import create_person
from chat.accounts.models import User
from chat.messages.actions import post_message
from chat.rooms.actions import create_room
from chat.rooms.models import Room

PASSWORD = "madang"  # noqa: S105  # for the demo cast, whom only seed brings to life
CAST = {"alice": "Alice Kim", "bob": "Bob Larsen", "jiyoung": "김지영", "olive": "Olive Stone"}
ROOMS = {
    "디자인 마당": [
        ("alice", "Good morning! The courtyard is open. 마당에 오신 것을 환영해요 👋"),
        ("jiyoung", "새 팔레트 시안이에요. 한지 느낌의 바탕에 먹색 글자, 포인트는 단청 주홍으로 잡았습니다."),
        ("bob", "Lovely. Do we keep contrast ≥ 4.5:1 on the celadon?"),
        ("jiyoung", "네, 계산해봤어요: 5.71 대 1이에요.\n다크 모드도 같은 이름으로 가요 🌙"),
    ],
    "Launch": [
        ("bob", "Here is where we plan the launch."),
        ("alice", "Thursday it is, then."),
    ],
}


class Command(BaseCommand):
    help = "Brings the demo cast and their rooms to life, once. Prints '<uuid> <name>' for each room."

    def handle(self, *args: Any, **options: Any) -> None:
        people = {name: create_person(username=name, name=full, password=PASSWORD) for name, full in CAST.items()}
        rooms = [_room(name, people) for name in ROOMS]
        for room in reversed(rooms):  # the first room is the latest, which is where people land
            for number, (sender, text) in enumerate(ROOMS[room.name]):
                mid = uuid.uuid5(room.pk, f"seed {number}")
                post_message(room=room, sender=people[sender], client_mid=mid, text=text)
        for room in rooms:
            self.stdout.write(f"{room.pk} {room.name}")


def _room(name: str, people: dict[str, User]) -> Room:
    """Alice's room of this name, made now unless there is one: she owns it, olive is never in it."""
    mine = Room.objects.filter(name=name, members__user=people["alice"], members__role="owner").order_by("created_at")
    return mine.first() or create_room(owner=people["alice"], name=name, people=[people["bob"], people["jiyoung"]])
