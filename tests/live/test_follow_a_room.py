"""What a stream brings, over two `web` and two `stream` processes that meet in Postgres and Redis alone."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest
from django.db import connection, transaction

from chat.accounts.actions import create_people, open_session
from chat.accounts.models import User
from chat.messages.actions import delete_message, edit_message, post_message
from chat.messages.models import Message
from chat.rooms.actions import add_members, remove_member
from tests.conftest import Cast
from tests.processes import House, eventually, stream_process
from tests.sse import Listener, Timeline, assert_replay_equals_reload
from tests.stream.told import subscribers

pytestmark = pytest.mark.django_db(transaction=True)


def follow(address: str, cast: Cast, person: User, after: object = None, last_event_id: object = None) -> Listener:
    query = "" if after is None else f"?after={after}"
    return Listener(f"{address}/rooms/{cast.room.pk}/stream/{query}", person, last_event_id)


def post(cast: Cast, sender: User, text: str = "hello") -> Message:
    return post_message(room=cast.room, sender=sender, client_mid=uuid.uuid4(), text=text).message


def page(address: str, cast: Cast, person: User) -> str:
    with httpx.Client(cookies={"sessionid": open_session(person=person)}) as client:
        return client.get(f"{address}/rooms/{cast.room.pk}/messages/?limit=200").raise_for_status().text


class Writer:
    """A person who posts over HTTP, as a browser with htmx does."""

    def __init__(self, address: str, cast: Cast, person: User) -> None:
        self.url = f"{address}/rooms/{cast.room.pk}/messages/"
        self.headers = {"HX-Request": "true", "X-CSRFToken": "x" * 32}
        self.cookies = {"sessionid": open_session(person=person), "csrftoken": "x" * 32}

    def post(self, text: str, mid: uuid.UUID | None = None) -> httpx.Response:
        data = {"text": text, "client_mid": str(mid or uuid.uuid4())}
        with httpx.Client(headers=self.headers, cookies=self.cookies, timeout=30) as client:
            return client.post(self.url, data=data)


def test_a_post_reaches_listeners_of_every_process(house: House, cast: Cast) -> None:
    listeners = [follow(address, cast, cast.bob).wait_open() for address in house.stream * 2]
    answer = Writer(house.web[0], cast, cast.alice).post("안녕")
    assert answer.status_code == 201
    for listener in listeners:
        frame = listener.wait_id(1).changes[0]
        assert (frame.id, frame.event) == (1, "")
        assert answer.text in frame.data, "the fragment of the answer is what everyone is sent"
        assert frame.data.startswith("<hx-partial ")
        listener.close()


def test_fifty_writers_one_order(house: House, cast: Cast) -> None:
    """50 writers × 40 posts, every third rolls back: gapless, one order everywhere, no ghost."""

    class ChangedMyMind(Exception):
        pass

    writers = create_people(names=[f"w{number:02d}" for number in range(50)])
    add_members(room=cast.room, people=writers)
    listeners = [follow(house.stream[number % 2], cast, cast.bob).wait_open() for number in range(5)]

    def write(writer: User) -> None:
        for number in range(40):
            post(cast, writer, f"{writer.username} {number}")
            try:
                with transaction.atomic():
                    if number % 2:
                        post(cast, writer, "ghost")
                        raise ChangedMyMind
            except ChangedMyMind:
                pass
            finally:
                connection.close()  # the pool has fewer connections than there are writers

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(write, writers))
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 2001))
    for listener in listeners:
        assert listener.wait_id(2000, 60).ids == list(range(1, 2001))
        assert not any("ghost" in frame.data for frame in listener.frames)
        listener.close()


def test_twenty_parallel_posts_of_one_client_mid(house: House, cast: Cast) -> None:
    mid = uuid.uuid4()
    listener = follow(house.stream[0], cast, cast.bob).wait_open()
    writers = [Writer(house.web[number % 2], cast, cast.alice) for number in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda writer: writer.post("once", mid), writers))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 429}
    assert len({answer.text for answer in answers if answer.status_code != 429}) == 1
    assert Message.objects.count() == 1
    assert listener.wait_id(1).ids == [1]
    listener.close()


def test_who_returns_gets_exactly_what_was_missed(house: House, cast: Cast) -> None:
    first, second, third = (post(cast, cast.alice, text) for text in ("one", "two", "three"))
    with follow(house.stream[0], cast, cast.bob, after=0).wait_id(3) as listener:
        assert listener.ids == [1, 2, 3]
    edit_message(message=second, editor=cast.alice, text="zwei")  # 4
    post(cast, cast.bob, "four")  # 5
    delete_message(message=first, deleter=cast.alice)  # 6
    edit_message(message=second, editor=cast.alice, text="둘")  # 7
    for address in house.stream:
        with follow(address, cast, cast.bob, last_event_id=3).wait_open() as back:
            assert back.ids == [5, 6, 7]
            assert "four" in back.changes[0].data
            assert f"m-{cast.alice.pk}-{first.client_mid}" in back.changes[1].data
            assert "one" not in back.changes[1].data
            assert "둘" in back.changes[2].data
    assert third.seq == 3


def test_replay_equals_reload(house: House, cast: Cast) -> None:
    messages = [post(cast, sender, f"{n}") for n, sender in enumerate([cast.alice, cast.bob, cast.jiyoung] * 5)]
    stale, seen = page(house.web[0], cast, cast.bob), 15
    live = follow(house.stream[0], cast, cast.bob, after=seen).wait_open()
    for number, message in enumerate(messages):
        if number % 3 == 0:
            edit_message(message=message, editor=message.sender, text=f"{number} anew")
        if number % 5 == 0:
            delete_message(message=message, deleter=message.sender)
        post(cast, cast.alice, f"and {number}")
    head = live.wait_id(15 + 5 + 3 + 15).ids[-1]
    late = follow(house.stream[1], cast, cast.bob, after=seen).wait_id(head)
    fresh = page(house.web[1], cast, cast.bob)
    assert len(Timeline(fresh).html) == 30
    assert_replay_equals_reload(stale, live.frames, fresh)
    assert_replay_equals_reload(stale, late.frames, fresh)
    live.close()
    late.close()


def test_the_larger_position_wins(house: House, cast: Cast) -> None:
    for number in range(1, 6):
        post(cast, cast.alice, str(number))
    with follow(house.stream[0], cast, cast.bob, after=2, last_event_id=4).wait_open() as listener:
        assert listener.ids == [5]
    with follow(
        house.stream[0], cast, cast.bob, after=4, last_event_id=f"room:{cast.room.pk}:2"
    ).wait_open() as listener:
        assert listener.ids == [5]


GARBAGE = ["text", "-1", "99999999", "9" * 400, "1.5", "error", "١", "x" * 1_000_000]


@pytest.mark.parametrize("garbage", GARBAGE, ids=[text[:12] for text in GARBAGE])
def test_a_position_nobody_can_be_at_starts_fresh(house: House, cast: Cast, garbage: str) -> None:
    post(cast, cast.alice)
    for how in ({"last_event_id": garbage.encode("utf-8").decode("latin-1")}, {"after": quote(garbage[:5000])}):
        with follow(house.stream[0], cast, cast.bob, **how).wait_open() as listener:
            assert listener.response.status == 200
            assert [frame.event for frame in listener.frames] == ["reset", "ping"]
            assert listener.named("ping")[0].facts == {"seq": 1}


def test_who_has_seen_the_response_begin_misses_nothing(house: House, cast: Cast) -> None:
    session = open_session(person=cast.bob)
    urls = [f"{address}/rooms/{cast.room.pk}/stream/" for address in house.stream * 20]
    with ThreadPoolExecutor(40) as threads:
        listeners = list(threads.map(lambda url: Listener(url, cast.bob, session=session), urls))
    post(cast, cast.alice)
    for listener in listeners:
        assert listener.wait_id(1).ids == [1]
        listener.close()


def test_without_a_position_only_news_come(house: House, cast: Cast) -> None:
    post(cast, cast.alice)
    with follow(house.stream[0], cast, cast.bob).wait_open() as listener:
        post(cast, cast.alice)
        assert listener.wait_id(2).ids == [2]


def test_the_pulse_of_other_rooms(house: House, cast: Cast) -> None:
    with Listener(f"{house.stream[0]}/stream/", cast.bob).wait_open() as listener:
        eventually(lambda: subscribers(f"pulse:{cast.room.pk}"))
        post(cast, cast.alice)
        pulse = listener.wait(lambda heard: heard.named("pulse")).named("pulse")[0]
        assert pulse.facts == {"room": str(cast.room.pk), "seq": 1, "sender": cast.alice.pk}
        assert listener.ids == []


def test_olive_hears_nothing(house: House, cast: Cast) -> None:
    with Listener(f"{house.stream[0]}/stream/", cast.olive).wait_open() as outside:
        with follow(house.stream[0], cast, cast.bob).wait_open() as inside:
            post(cast, cast.alice)
            inside.wait_id(1)
        assert [frame.event for frame in outside.frames] == ["ping"]


@pytest.mark.parametrize("kind", ["web", "stream"])
def test_outsiders_and_strangers(house: House, cast: Cast, kind: str) -> None:
    address = getattr(house, kind)[0]
    with httpx.Client(base_url=address, cookies={"sessionid": open_session(person=cast.olive)}) as olive:
        here, nowhere = (olive.get(f"/rooms/{room}/stream/") for room in (cast.room.pk, uuid.uuid4()))
    assert (here.status_code, nowhere.status_code) == (404, 404)
    assert here.content == nowhere.content
    remove_member(room=cast.room, person=cast.bob)
    former = httpx.get(f"{address}/rooms/{cast.room.pk}/stream/", cookies={"sessionid": open_session(person=cast.bob)})
    assert former.status_code == 404
    for path in (f"/rooms/{cast.room.pk}/stream/", "/stream/"):
        stranger = httpx.get(f"{address}{path}", follow_redirects=False)
        assert stranger.status_code == 401
        assert "location" not in stranger.headers


def test_a_process_that_is_stopped_sends_its_listeners_away(house: House, cast: Cast) -> None:
    with stream_process() as address:
        listeners = [follow(address, cast, cast.bob).wait_open() for _ in range(5)]
        listeners.append(Listener(f"{address}/stream/", cast.olive).wait_open())
    for listener in listeners:
        last = listener.wait(lambda heard: heard.ended).frames[-1]
        assert (last.event, last.facts["reason"]) == ("closed", "drain")
        assert 0 < last.facts["retry_ms"] <= 30_000
    post(cast, cast.alice)
    with follow(house.stream[0], cast, cast.bob, after=0).wait_open() as listener:
        assert listener.ids == [1]
