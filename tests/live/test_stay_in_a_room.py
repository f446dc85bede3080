"""I8: after a removal or a sign-out nothing reaches that person, on any process; who stays is not disturbed."""

import uuid

import httpx
import pytest
from django.contrib.sessions.models import Session

from chat.accounts.actions import ask_again, open_session
from chat.messages.actions import post_message
from chat.rooms.actions import create_room, remove_member
from tests.conftest import Cast
from tests.processes import House
from tests.sse import Listener

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listeners(house: House, cast: Cast) -> list[Listener]:
    """bob on both processes, then jiyoung."""
    urls = [f"{address}/rooms/{cast.room.pk}/stream/" for address in house.stream]
    return [Listener(url, person).wait_open() for person in (cast.bob, cast.jiyoung) for url in urls]


def say(cast: Cast) -> int:
    return post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="still here?").message.seq


def assert_gone_with(reason: str, cast: Cast, bobs: list[Listener], others: list[Listener]) -> None:
    for listener in bobs:
        assert listener.wait(lambda heard: heard.ended, 2).frames[-1].facts == {"reason": reason}
    seq = say(cast)
    for listener in others:
        assert listener.wait_id(seq).ids == [seq]
        listener.close()
    assert [listener.ids for listener in bobs] == [[], []]


def test_who_is_removed_is_told_and_hears_no_more(listeners: list[Listener], cast: Cast) -> None:
    remove_member(room=cast.room, person=cast.bob)
    assert_gone_with("removed", cast, listeners[:2], listeners[2:])


def test_who_is_deactivated_hears_no_more(listeners: list[Listener], cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save()
    ask_again(person=cast.bob)
    assert_gone_with("signed-out", cast, listeners[:2], listeners[2:])


def test_who_has_another_password_hears_no_more(listeners: list[Listener], cast: Cast) -> None:
    cast.bob.set_password("another one")
    cast.bob.save()
    ask_again(person=cast.bob)
    assert_gone_with("signed-out", cast, listeners[:2], listeners[2:])


def test_signing_out_ends_the_streams_of_that_browser_alone(
    house: House, listeners: list[Listener], cast: Cast
) -> None:
    session = open_session(person=cast.bob)
    third = Listener(f"{house.stream[1]}/rooms/{cast.room.pk}/stream/", cast.bob, session=session).wait_open()
    cookies = {"sessionid": session, "csrftoken": "x" * 32}
    with httpx.Client(base_url=house.web[0], cookies=cookies, headers={"X-CSRFToken": "x" * 32}) as browser:
        assert browser.post("/accounts/logout/").headers["Location"] == "/accounts/login/"
    assert third.wait(lambda heard: heard.ended, 2).frames[-1].facts == {"reason": "signed-out"}
    assert not Session.objects.filter(session_key=session).exists()
    seq = say(cast)
    for listener in listeners:
        assert listener.wait_id(seq).ids == [seq]
        listener.close()


def test_a_room_one_was_removed_from_has_no_pulse_any_more(house: House, cast: Cast) -> None:
    other = create_room(owner=cast.bob, name="Other")
    with Listener(f"{house.stream[0]}/rooms/{other.pk}/stream/", cast.bob).wait_open() as bob:
        say(cast)
        bob.wait(lambda heard: heard.named("pulse"))
        with Listener(f"{house.stream[0]}/rooms/{cast.room.pk}/stream/", cast.bob).wait_open() as witness:
            remove_member(room=cast.room, person=cast.bob)
            witness.wait(lambda heard: heard.ended)
        say(cast)
        seq = post_message(room=other, sender=cast.bob, client_mid=uuid.uuid4(), text="here").message.seq
        bob.wait_id(seq)
        assert len(bob.named("pulse")) == 1
