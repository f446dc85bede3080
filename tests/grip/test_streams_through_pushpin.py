"""The same permission, ids and replay where a Pushpin holds the sockets, and the same answer to what gets lost."""

import threading
import uuid

import httpx
import pytest

from chat.accounts.actions import end_session, open_session
from chat.accounts.models import User
from chat.messages.actions import delete_message, edit_message, post_many, post_message
from chat.messages.models import Message
from chat.rooms.actions import create_room, remove_member
from chat.rooms.models import Room
from tests.conftest import Cast
from tests.grip.conftest import Front
from tests.sse import Listener

pytestmark = pytest.mark.django_db(transaction=True)


def follow(address: str, room: Room, person: User, after: int | None = None, session: str = "") -> Listener:
    return Listener(f"{address}/rooms/{room.pk}/stream/", person, after, session)


def say(cast: Cast, text: str = "안녕", room: Room | None = None) -> Message:
    return post_message(room=room or cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text=text).message


def posting(web: str, person: User) -> httpx.Client:
    cookies = {"sessionid": open_session(person=person), "csrftoken": "x" * 32}
    return httpx.Client(base_url=web, cookies=cookies, headers={"X-CSRFToken": "x" * 32})


# --- permission -------------------------------------------------------------------------------------------------


def test_members_follow_and_nobody_else(front: Front, cast: Cast) -> None:
    url = f"{front.address}/rooms/{cast.room.pk}/stream/"
    with follow(front.address, cast.room, cast.bob).wait_open(45) as bob:
        assert bob.response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert "no-store" in str(bob.response.getheader("Cache-Control"))
        assert not [name for name, _ in bob.response.getheaders() if name.lower().startswith("grip")]
        with posting(front.web[1], cast.alice) as browser:
            data = {"text": "through", "client_mid": str(uuid.uuid4())}
            assert browser.post(f"/rooms/{cast.room.pk}/messages/", data=data).status_code == 201
        assert bob.wait_id(1).ids == [1]
    olive = {"sessionid": open_session(person=cast.olive)}
    assert httpx.get(url, cookies=olive).status_code == 404
    assert httpx.get(f"{front.address}/rooms/{uuid.uuid4()}/stream/", cookies=olive).status_code == 404
    assert httpx.get(url).status_code == 401


@pytest.mark.usefixtures("published")
def test_without_a_room_the_pulses_of_all_are_heard(front: Front, cast: Cast) -> None:
    elsewhere = create_room(owner=cast.alice, name="Elsewhere")
    with Listener(f"{front.address}/stream/", cast.bob).wait_open(45) as bob:
        say(cast, room=elsewhere)
        say(cast)
        bob.wait(lambda heard: heard.named("pulse"))
        assert [frame.facts["room"] for frame in bob.named("pulse")] == [str(cast.room.pk)]
        assert bob.ids == []


# --- ids and replay ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_who_returns_gets_the_same_frames_from_pushpin_and_from_a_process(front: Front, cast: Cast) -> None:
    first, second = say(cast, "first"), say(cast, "second")
    with follow(front.address, cast.room, cast.bob, after=0).wait_id(2) as bob:
        assert bob.ids == [1, 2]
    edit_message(message=first, editor=cast.alice, text="first, edited")
    delete_message(message=second, deleter=cast.alice)
    say(cast, "third")
    with (
        follow(front.address, cast.room, cast.bob, after=2) as held,
        follow(front.stream, cast.room, cast.bob, after=2) as direct,
    ):
        assert held.wait_open(45).frames == direct.wait_open().frames
        assert held.ids == [3, 4, 5]
        edit_message(message=first, editor=cast.alice, text="first, edited again")
        delete_message(message=first, deleter=cast.alice)
        assert held.wait_id(7).changes == direct.wait_id(7).changes
    with follow(front.address, cast.room, cast.bob, after=7).wait_open(45) as bob:
        assert bob.ids == []


def test_who_missed_many_gets_them_page_by_page(front: Front, cast: Cast) -> None:
    post_many(room=cast.room, posts=[(cast.alice, f"{number} " + "가" * 1000) for number in range(1, 501)])
    with follow(front.address, cast.room, cast.bob, after=50).wait_open(45) as bob:
        assert bob.ids == list(range(51, 501))
        assert bob.named("ping")[0].facts == {"seq": 500}


@pytest.mark.usefixtures("published")
def test_who_is_too_far_starts_anew_and_follows(front: Front, cast: Cast) -> None:
    post_many(room=cast.room, posts=[(cast.alice, str(number)) for number in range(1001)])
    with follow(front.address, cast.room, cast.bob, after=0).wait_open(45) as bob:
        assert [(frame.event, frame.facts) for frame in bob.frames] == [
            ("reset", {"seq": 1001}),
            ("ping", {"seq": 1001}),
        ]
        say(cast)
        assert bob.wait_id(1002).ids == [1002]


# --- live -------------------------------------------------------------------------------------------------------


def test_two_processes_publish_at_once_and_order_holds(front: Front, cast: Cast) -> None:
    def post(web: str) -> None:
        for number in range(2):  # as many as may be posted in a second
            data = {"text": str(number), "client_mid": str(uuid.uuid4())}
            assert browsers[web].post(f"/rooms/{cast.room.pk}/messages/", data=data).status_code == 201

    people = (cast.alice, cast.bob, cast.jiyoung)
    browsers = {f"{web} {person.pk}": posting(web, person) for web in front.web for person in people}
    with follow(front.address, cast.room, cast.bob).wait_open(45) as bob:
        threads = [threading.Thread(target=post, args=[web]) for web in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bob.wait_id(12).ids == list(range(1, 13))
    for browser in browsers.values():
        browser.close()


@pytest.mark.usefixtures("published")
def test_many_changes_at_once_are_asked_for(front: Front, cast: Cast) -> None:
    say(cast)
    with follow(front.address, cast.room, cast.bob).wait_open(45) as bob:
        front.settle(cast.room, 1)
        post_many(room=cast.room, posts=[(cast.alice, str(number)) for number in range(300)])
        bob.wait_id(301, 5)
        say(cast)
        assert bob.wait_id(302, 5).ids == list(range(2, 303))


def test_what_got_lost_comes_with_the_next(front: Front, cast: Cast) -> None:
    with posting(front.web[1], cast.alice) as browser, follow(front.address, cast.room, cast.bob).wait_open(45) as bob:
        front.settle(cast.room, 1)
        for number in range(2):
            data = {"text": str(number), "client_mid": str(uuid.uuid4())}
            assert browser.post(f"/rooms/{cast.room.pk}/messages/", data=data).status_code == 201
            bob.wait_id(2 * number + 1, 5)
            say(cast, "lost on the way")
        assert bob.ids[:3] == [1, 2, 3]


def test_what_nobody_told_is_found_within_the_lease(front: Front, cast: Cast) -> None:
    """A change and a removal, both lost on the way, in rooms where nothing else happens."""
    other = create_room(owner=cast.alice, name="Other", people=[cast.bob])
    with (
        follow(front.address, cast.room, cast.jiyoung).wait_open(45) as jiyoung,
        follow(front.address, cast.room, cast.bob).wait_open(45) as bob,
        follow(front.address, other, cast.bob).wait_open(45) as elsewhere,
    ):
        front.settle(cast.room, 2)
        front.settle(other, 1)
        remove_member(room=cast.room, person=cast.bob)
        say(cast)
        assert jiyoung.wait_id(1, 45).ids == [1]
        assert bob.wait(lambda heard: heard.ended, 45).frames[-1].facts == {"reason": "removed"}
        assert bob.ids == []
        assert len(elsewhere.wait(lambda heard: len(heard.named("ping")) > 1, 45).named("ping")) > 1
        assert not elsewhere.ended


# --- who may no longer ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_who_is_removed_is_told_at_once_and_keeps_other_rooms(front: Front, cast: Cast) -> None:
    other = create_room(owner=cast.alice, name="Other", people=[cast.bob])
    with (
        follow(front.address, cast.room, cast.bob).wait_open(45) as removed,
        follow(front.address, other, cast.bob).wait_open(45) as kept,
        follow(front.address, cast.room, cast.jiyoung).wait_open(45) as jiyoung,
    ):
        front.settle(cast.room, 2)
        front.settle(other, 1)
        say(cast)
        kept.wait(lambda heard: heard.named("pulse"))
        removed.wait_id(1)
        remove_member(room=cast.room, person=cast.bob)
        assert removed.wait(lambda heard: heard.ended, 3).frames[-1].facts == {"reason": "removed"}
        say(cast)
        assert jiyoung.wait_id(2).ids == [1, 2]
        say(cast, room=other)
        assert kept.wait_id(1).ids == [1]
        assert len(kept.named("pulse")) == 1
        assert removed.ids == [1]


@pytest.mark.usefixtures("published")
def test_signing_out_ends_the_streams_of_that_browser_alone(front: Front, cast: Cast) -> None:
    session = open_session(person=cast.bob)
    with (
        follow(front.address, cast.room, cast.bob, session=session).wait_open(45) as ended,
        follow(front.address, cast.room, cast.bob).wait_open(45) as kept,
    ):
        front.settle(cast.room, 2)
        end_session(person=cast.bob, session_key=session)
        assert ended.wait(lambda heard: heard.ended, 3).frames[-1].facts == {"reason": "signed-out"}
        say(cast)
        assert kept.wait_id(1).ids == [1]
        assert ended.ids == []
