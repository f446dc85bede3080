"""Makes the rooms of the stories and prints them as JSON. Run by `manage.py shell`."""

import json
import os
from datetime import timedelta

from django.utils import timezone

from chat.accounts.models import User
from chat.messages.actions import post_many
from chat.messages.models import Message
from chat.rooms.actions import create_room

alice, bob, jiyoung = (User.objects.get(username=name) for name in ("alice", "bob", "jiyoung"))


def room(name):
    return create_room(owner=alice, name=name, people=[bob, jiyoung])


long_rooms = [room(f"긴 이야기 {n}") for n in range(int(os.environ["ROOMS"]) // 4)]
for each in long_rooms:
    post_many(room=each, posts=[((alice, bob, jiyoung)[n // 4 % 3], f"Line {n}") for n in range(1, 121)])

old_room = room("옛날이야기")
noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
talk = [
    (bob, timedelta(days=-2), "first of the day before yesterday"),
    (bob, timedelta(days=-2, minutes=4), "soon after"),
    (bob, timedelta(days=-2, minutes=10), "a while later"),
    (jiyoung, timedelta(days=-2, minutes=11), "somebody else"),
    (jiyoung, timedelta(days=-1), "the next day"),
    (alice, timedelta(days=-1, minutes=1), "my own"),
]
post_many(room=old_room, posts=[(sender, text) for sender, _, text in talk])
for seq, (_, after, _) in enumerate(talk, 1):
    Message.objects.filter(room=old_room, seq=seq).update(created_at=noon + after)

rooms = [str(room(f"이야기 {n}").pk) for n in range(int(os.environ["ROOMS"]))]
print(
    json.dumps(
        {
            "rooms": rooms,
            "long_rooms": [str(each.pk) for each in long_rooms],
            "old_room": str(old_room.pk),
            "empty": str(room("빈 방").pk),
        }
    )
)
