"""Posting: the answer, the rows, what was announced; and olive every time."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client

from chat.messages.actions import LONGEST, post_message
from chat.messages.models import Message
from chat.rooms.actions import remove_member
from chat.rooms.models import Room, RoomMember
from tests.conftest import Announced, Browser, Cast

pytestmark = pytest.mark.django_db(transaction=True)


def url(room: Room) -> str:
    return f"/rooms/{room.pk}/messages/"


def body(text: str = "안녕하세요") -> dict[str, str]:
    return {"text": text, "client_mid": str(uuid.uuid4())}


def test_a_post_is_stored_announced_and_answered_with_its_fragment(cast: Cast, announced: Announced) -> None:
    response = Browser(cast.alice).post(url(cast.room), post := body())
    message = Message.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"/rooms/{cast.room.pk}/1/"
    assert f'id="m-{cast.alice.pk}-{post["client_mid"]}"' in response.text
    assert 'data-seq="1"' in response.text
    assert (message.text, message.seq, message.changed_seq) == ("안녕하세요", 1, 1)
    assert Room.objects.get().last_seq == 1
    assert RoomMember.objects.get(user=cast.alice).last_read_seq == 1
    assert RoomMember.objects.get(user=cast.bob).last_read_seq == 0
    [change], [pulse] = announced.on(f"room:{cast.room.pk}", 1), announced.on(f"pulse:{cast.room.pk}", 1)
    assert (change.seq, change.event) == (1, "")
    assert response.text in change.data
    assert (pulse.seq, pulse.event) == (0, "pulse")
    assert json.loads(pulse.data) == {"room": str(cast.room.pk), "seq": 1, "sender": cast.alice.pk}


def test_nothing_is_announced_before_the_commit(cast: Cast, announced: Announced) -> None:
    with transaction.atomic():
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="maybe")
        transaction.on_commit(lambda: None)
        transaction.set_rollback(True)
    assert announced.nothing()


def test_the_same_client_mid_is_one_message_for_ever(cast: Cast) -> None:
    alice, bob, post = Browser(cast.alice), Browser(cast.bob), body()
    first = alice.post(url(cast.room), post)
    Message.objects.update(created_at="2001-01-01T00:00:00Z")
    again = alice.post(url(cast.room), post | {"text": "something else"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again["Location"] == first["Location"]
    assert again.content == first.content
    assert bob.post(url(cast.room), post).status_code == 201, "another sender's ids are their own"
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2]


def test_twenty_at_once_are_one(cast: Cast) -> None:
    mid = uuid.uuid4()

    def post(_: int) -> tuple[bool, int]:
        try:
            posted = post_message(room=cast.room, sender=cast.alice, client_mid=mid, text="once")
            return posted.created, posted.message.seq
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, range(20)))
    assert sorted(answers) == [(False, 1)] * 19 + [(True, 1)]
    assert Room.objects.get().last_seq == Message.objects.count() == 1


def test_seq_has_no_hole_whatever_rolls_back(cast: Cast) -> None:
    class ChangedMyMind(Exception):
        pass

    def write(writer: int) -> None:
        sender = [cast.alice, cast.bob, cast.jiyoung][writer % 3]
        try:
            for number in range(40):
                try:
                    with transaction.atomic():
                        post_message(room=cast.room, sender=sender, client_mid=uuid.uuid4(), text=f"{writer} {number}")
                        if writer % 3 == 0:
                            raise ChangedMyMind
                except ChangedMyMind:
                    pass
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(write, range(12)))
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 8 * 40 + 1))
    assert Room.objects.get().last_seq == 8 * 40


BAD = {
    "empty": {"text": ""},
    "missing": {"text": None},
    "only spaces": {"text": " \n\t\u3000"},
    "only invisible": {"text": "\u200b\u2060\u00ad"},
    "only Hangul fillers": {"text": "\u3164\u115f \uffa0"},
    "only a variation selector": {"text": "\ufe0f"},
    "too long": {"text": "가" * (LONGEST + 1)},
    "NUL": {"text": "a\0b"},
    "no UUID": {"client_mid": "not-a-uuid"},
    "empty UUID": {"client_mid": ""},
    "missing UUID": {"client_mid": None},
    "NUL in UUID": {"client_mid": "\0"},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_cannot_be_posted_is_refused_in_words(cast: Cast, bad: dict[str, str | None]) -> None:
    post = {name: value for name, value in (body() | bad).items() if value is not None}
    response = Browser(cast.alice).post(url(cast.room), post)
    assert response.status_code == 422
    assert response["Content-Type"].startswith("text/plain")
    assert len(response.text) > 10
    assert not Message.objects.exists()


@pytest.mark.parametrize("text", [b"%ED%A0%80x", b"%FF", b"\xff\xfe", b"caf%E9"])
def test_bytes_that_are_no_text_are_refused(cast: Cast, text: bytes) -> None:
    surrogate = b"text=" + text + b"&client_mid=" + str(uuid.uuid4()).encode()
    response = Browser(cast.alice).post(url(cast.room), surrogate, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422
    assert not Message.objects.exists()


@pytest.mark.parametrize("text", ["a\r\nb\rc\nd", " leading", "trailing \n", "가" * LONGEST, "\r\n" * 9_999 + "x"])
def test_text_is_kept_as_typed_with_one_kind_of_line_end(cast: Cast, text: str) -> None:
    assert Browser(cast.alice).post(url(cast.room), body(text)).status_code == 201
    assert Message.objects.get().text == text.replace("\r\n", "\n").replace("\r", "\n")


def test_markup_is_text(cast: Cast) -> None:
    response = Browser(cast.alice).post(url(cast.room), body('<script>alert(1)</script> <b hx-get="/">'))
    assert "<script" not in response.text
    assert "<b hx-get" not in response.text


def test_olive_finds_no_room(cast: Cast, announced: Announced) -> None:
    missing = Browser(cast.olive).post(f"/rooms/{uuid.uuid4()}/messages/", body())
    forbidden = Browser(cast.olive).post(url(cast.room), body())
    assert missing.status_code == forbidden.status_code == 404
    assert missing.content == forbidden.content
    assert not Message.objects.exists()
    assert announced.nothing()


def test_a_stranger_is_sent_to_sign_in(cast: Cast) -> None:
    response = Browser().post(url(cast.room), body())
    assert (response.status_code, response["HX-Redirect"]) == (401, "/accounts/login/")
    assert Client().post(url(cast.room), body()).status_code == 401
    assert not Message.objects.exists()


def test_who_was_removed_posts_no_more(cast: Cast) -> None:
    bob = Browser(cast.bob)
    assert bob.post(url(cast.room), body()).status_code == 201
    remove_member(room=cast.room, person=cast.bob)
    assert bob.post(url(cast.room), body()).status_code == 404
    assert Message.objects.count() == 1


def test_a_form_without_its_token_is_refused(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True, headers={"HX-Request": "true"})
    client.cookies.load(Browser(cast.alice).cookies)
    assert client.post(url(cast.room), body()).status_code == 403
    assert not Message.objects.exists()


def test_a_refused_form_comes_back_as_it_was_typed_and_can_be_sent(cast: Cast) -> None:
    browser = Browser(cast.alice)
    browser.defaults = {"HTTP_ACCEPT": "text/html,*/*;q=0.8"}
    refused = browser.post(url(cast.room), {"text": "keep <this>", "client_mid": "broken"})
    assert refused.status_code == 422
    assert "keep &lt;this&gt;" in refused.text
    form = refused.context["composer"]
    sent = browser.post(url(cast.room), {"text": form["text"].value(), "client_mid": form["client_mid"].value()})
    assert (sent.status_code, sent["Location"]) == (302, f"/rooms/{cast.room.pk}/")
    assert Message.objects.get().text == "keep <this>"
    assert "no-store" in browser.get(sent["Location"])["Cache-Control"]
