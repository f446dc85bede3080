"""seed, flood and session, as scripts use them."""

import re
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.accounts.models import User
from chat.messages.models import Message
from chat.rooms.models import Room, RoomMember
from tests.conftest import Browser, Cast

pytestmark = pytest.mark.django_db


def command(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_seed_brings_the_cast_to_life_once() -> None:
    first = command("seed")
    lines = [line.split(" ", 1) for line in first.splitlines()]
    room = Room.objects.get(pk=lines[0][0])
    assert room.name == lines[0][1]
    roles = dict(room.members.values_list("user__username", "role"))
    assert roles == {"alice": "owner", "bob": "member", "jiyoung": "member"}
    assert User.objects.filter(username="olive", memberships=None).exists()
    messages = Message.objects.count()
    assert command("seed") == first
    assert (Message.objects.count(), User.objects.count()) == (messages, 4)


def test_flood_adds_people_and_messages(cast: Cast) -> None:
    command("flood", cast.room.pk, "--people", 30, "--messages", 7_000)
    assert RoomMember.objects.filter(room=cast.room).count() == 33
    assert set(Message.objects.order_by("seq").values_list("seq", flat=True)) == set(range(1, 7_001))
    assert Room.objects.get(pk=cast.room.pk).last_seq == 7_000
    command("flood", cast.room.pk, "--people", 5)
    people = User.objects.filter(memberships__room=cast.room, username__startswith="p").order_by("username")
    assert [person.username for person in people] == [f"p{number:05d}" for number in range(1, 36)]
    other = Room.objects.create(name="Other")
    command("flood", other.pk, "--people", 2)
    assert User.objects.filter(username__startswith="p").count() == 35, "people are shared between rooms"
    assert other.members.count() == 2


def test_session_signs_people_in(cast: Cast) -> None:
    lines = command("session", "bob", "alice").splitlines()
    assert all(re.fullmatch(r"sessionid=[a-z0-9]{32}", line) for line in lines)
    browser = Browser()
    browser.cookies["sessionid"] = lines[0].partition("=")[2]
    assert browser.get(f"/rooms/{cast.room.pk}/").context["user"] == cast.bob


def test_mistakes_are_told_in_one_sentence(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no active person called nobody"):
        command("session", "alice", "nobody")
    with pytest.raises(CommandError, match="no room"):
        command("flood", uuid.uuid4(), "--people", 1)
    with pytest.raises(CommandError, match="0 or more"):
        command("flood", cast.room.pk, "--people", -1)
    with pytest.raises(CommandError, match="Nobody is in this room"):
        command("flood", Room.objects.create(name="Empty").pk, "--messages", 1)
