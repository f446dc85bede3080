"""Pages of messages, and who may have them."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.messages.actions import post_many, post_message
from chat.messages.models import Message
from chat.messages.roomlist import room_list
from chat.messages.timeline import window
from chat.rooms.actions import create_room
from tests.conftest import Browser, Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(cast: Cast) -> Cast:
    post_many(room=cast.room, posts=[(cast.alice, f"number {n}") for n in range(1, 121)])
    return cast


def seqs(html: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<article [^>]*data-seq="(\d+)"', html)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", range(71, 121)),
        ("?limit=3", range(118, 121)),
        ("?limit=0", range(120, 121)),
        ("?limit=100000", range(1, 121)),
        ("?before=71", range(21, 71)),
        ("?before=1", range(0)),
        ("?after=118", range(119, 121)),
        ("?after=0&limit=2", range(1, 3)),
        ("?around=60&limit=5", range(58, 63)),
        ("?around=1&limit=4", range(1, 5)),
        ("?around=120&limit=4", range(118, 121)),
        ("?before=" + "9" * 30, range(71, 121)),
        ("?after=-5&limit=1", range(1, 2)),
    ],
)
def test_a_page_of_messages(talk: Cast, query: str, expected: range) -> None:
    response = Browser(talk.bob).get(f"/rooms/{talk.room.pk}/messages/{query}")
    assert response.status_code == 200
    assert seqs(response.text) == list(expected)


@pytest.mark.parametrize("query", ["before=x", "after=", "around=1.5", "limit=ten", "before=%00"])
def test_a_number_that_is_none_is_refused(talk: Cast, query: str) -> None:
    assert Browser(talk.bob).get(f"/rooms/{talk.room.pk}/messages/?{query}").status_code == 400
    if "before" in query:
        assert Browser(talk.bob).get(f"/rooms/{talk.room.pk}/?{query}").status_code == 400


def test_the_room_its_history_and_one_message(talk: Cast) -> None:
    bob = Browser(talk.bob)
    assert seqs(bob.get(f"/rooms/{talk.room.pk}/").text) == list(range(71, 121))
    assert seqs(bob.get(f"/rooms/{talk.room.pk}/?before=71").text) == list(range(21, 71))
    assert 30 in seqs(bob.get(f"/rooms/{talk.room.pk}/30/").text)
    assert bob.get(f"/rooms/{talk.room.pk}/121/").status_code == 404
    assert bob.get(f"/rooms/{talk.room.pk}/{'9' * 40}/").status_code == 404


PATHS = ["", "1/", "messages/", "stream/"]


@pytest.mark.parametrize("path", PATHS)
def test_olive_cannot_tell_a_room_from_none(talk: Cast, path: str) -> None:
    olive = Browser(talk.olive)
    here, nowhere = (olive.get(f"/rooms/{room}/{path}") for room in (talk.room.pk, uuid.uuid4()))
    assert here.status_code == nowhere.status_code == 404
    assert here.content == nowhere.content


@pytest.mark.parametrize("path", ["", "1/", "messages/"])
def test_a_stranger_is_sent_to_sign_in(talk: Cast, path: str) -> None:
    response = Client().get(f"/rooms/{talk.room.pk}/{path}")
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/rooms/")


def test_home_is_the_latest_room(talk: Cast) -> None:
    other = create_room(owner=talk.bob, name="Other")
    assert Browser(talk.bob).get("/")["Location"] == f"/rooms/{talk.room.pk}/"
    post_message(room=other, sender=talk.bob, client_mid=uuid.uuid4(), text="now here")
    assert Browser(talk.bob).get("/")["Location"] == f"/rooms/{other.pk}/"
    assert Browser(talk.olive).get("/").status_code == 200
    assert Client().get("/")["Location"] == "/accounts/login/?next=/"


def test_the_room_list_costs_the_same_for_one_room_and_many(
    talk: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert [entry.last_text for entry in room_list(talk.bob)] == ["number 120"]
    for number in range(20):
        create_room(owner=talk.bob, name=f"Room {number}")
    with django_assert_num_queries(2):
        assert len(room_list(talk.bob, talk.room.pk)) == 21
    assert room_list(talk.olive) == []


def test_days_and_runs_are_marked(cast: Cast) -> None:
    start = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)
    talk = [(0, cast.alice), (4, cast.alice), (6, cast.bob), (8, cast.alice), (9, cast.alice), (15, cast.alice)]
    for seq, (minutes, sender) in enumerate(talk, 1):
        Message.objects.create(
            room=cast.room, sender=sender, seq=seq, changed_seq=seq, client_mid=uuid.uuid4(), text="x",
            created_at=start + timedelta(minutes=minutes),
        )  # fmt: skip
    rows = list(window(Message.objects.all()).rows)
    assert [row.day.day if row.day else None for row in rows] == [22, None, None, None, None, 23]
    assert [row.starts_run for row in rows] == [True, False, True, True, False, True]
