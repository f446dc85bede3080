"""What counts as coming from a Pushpin, and what becomes of a post when none is there."""

import socket
import time
import uuid
from collections.abc import Iterator

import jwt
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from chat.accounts.actions import end_session, open_session
from chat.live import grip
from chat.messages.actions import post_message
from chat.messages.models import Message
from chat.rooms.actions import remove_member
from chat.stream.grip import pushpins
from project import environment
from tests.conftest import Announced, Browser, Cast

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "a-key-that-only-pushpin-and-madang-know"


def signature(key: str = KEY, seconds: int = 60) -> str:
    return jwt.encode({"iss": "pushpin", "exp": int(time.time()) + seconds}, key)


@pytest.fixture
def hung(settings: Settings) -> Iterator[None]:
    """A Pushpin that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.GRIP_URLS = [f"http://127.0.0.1:{server.getsockname()[1]}?key={KEY}"]
        yield
        for pushpin in pushpins(*settings.GRIP_URLS):
            pushpin.close()


def stream(cast: Cast) -> str:
    return f"/rooms/{cast.room.pk}/stream/"


def ask(browser: Client, path: str, sig: str) -> tuple[int, bool, bytes]:
    answer = browser.get(path, headers={"Grip-Sig": sig})
    return answer.status_code, "Grip-Hold" in answer, answer.content


def link(browser: Client, path: str) -> str:
    answer = browser.get(path, headers={"Grip-Sig": signature()})
    return str(answer["Grip-Link"]).partition("<")[2].partition(">")[0]


@pytest.mark.usefixtures("hung")
def test_only_the_key_makes_a_request_pushpins(cast: Cast) -> None:
    bob, olive = Browser(cast.bob), Browser(cast.olive)
    assert ask(bob, stream(cast), signature())[:2] == (200, True)
    assert ask(olive, stream(cast), signature())[:2] == (404, False)
    assert ask(Client(), stream(cast), signature())[:2] == (401, False)
    unsigned = jwt.encode({"exp": int(time.time()) + 60}, None, algorithm="none")
    for forged in (signature("another-key-as-long-as-the-real-one-is"), signature(seconds=-5), unsigned, "x", ""):
        assert ask(bob, stream(cast), forged)[:2] == (421, False)
        assert ask(olive, stream(cast), forged)[:2] == (404, False)
        assert ask(Browser(cast.bob), link(bob, stream(cast)), forged)[:2] == (404, False)


@pytest.mark.usefixtures("hung")
def test_a_link_opens_its_own_stream_and_shows_nothing_of_the_session(cast: Cast) -> None:
    bob, olive = Browser(cast.bob), Browser(cast.olive)
    bobs = link(bob, stream(cast))
    assert bob.cookies["sessionid"].value not in bobs
    assert bobs != link(bob, stream(cast))
    assert ask(Client(), bobs, signature())[:2] == (200, True)
    assert ask(olive, bobs, signature())[:2] == (200, True)
    signed_out = (200, False, b'event: closed\ndata: {"reason": "signed-out"}\n\n')
    for forged in (bobs.replace(stream(cast), "/stream/"), bobs.replace("/held/", "/held/x"), "/held/x/stream/"):
        assert ask(bob, forged, signature()) == signed_out
    posts = Client().get(bobs.replace("/stream/", "/messages/"), headers={"Grip-Sig": signature()})
    assert posts.status_code == 302


@pytest.mark.usefixtures("hung")
def test_a_link_asks_each_time_whether_one_may(cast: Cast) -> None:
    session = open_session(person=cast.bob)
    bob = Client()
    bob.cookies["sessionid"] = session
    bobs = link(bob, stream(cast))
    remove_member(room=cast.room, person=cast.bob)
    assert ask(Client(), bobs, signature()) == (200, False, b'event: closed\ndata: {"reason": "removed"}\n\n')
    end_session(person=cast.bob, session_key=session)
    assert ask(Client(), bobs, signature()) == (200, False, b'event: closed\ndata: {"reason": "signed-out"}\n\n')


@pytest.mark.usefixtures("hung")
def test_asking_again_is_cheap(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    bobs = link(Browser(cast.bob), stream(cast))
    headers = {"Grip-Sig": signature(), "Grip-Last": f"room:{cast.room.pk}; last-id=0"}
    with django_assert_num_queries(4):
        answer = Client().get(bobs, headers=headers)
    assert (answer["Grip-Hold"], answer.content) == ("stream", b"")


@pytest.mark.usefixtures("hung")
def test_a_pushpin_that_hangs_delays_no_post(cast: Cast, announced: Announced) -> None:
    began = time.monotonic()
    for _ in range(20):
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="goes on")
    assert time.monotonic() - began < 20 * 0.25
    assert Message.objects.count() == 20
    assert [envelope.seq for envelope in announced.on(f"room:{cast.room.pk}", 20)] == list(range(1, 21))


def test_without_pushpin_a_signature_means_nothing(cast: Cast) -> None:
    assert ask(Browser(cast.bob), stream(cast), signature())[:2] == (421, False)
    assert not grip.settings.GRIP_URLS


def test_the_address_needs_a_key() -> None:
    urls = ["http://127.0.0.1:5561?key=" + "k" * 32, "https://user:secret@two/?key=" + "k" * 32]
    assert environment.grip_urls({"GRIP_URL": " ".join(urls)}) == urls
    assert environment.grip_urls({"GRIP_URL": ""}) == []
    for wrong in (
        "http://127.0.0.1:5561",
        "http://127.0.0.1:5561?key=short",
        "127.0.0.1:5561",
        "http://?key=" + "k" * 32,
    ):
        with pytest.raises(environment.WrongSetting, match="GRIP_URL"):
            environment.grip_urls({"GRIP_URL": wrong})
