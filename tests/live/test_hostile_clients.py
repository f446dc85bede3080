"""What one client does badly concerns nobody else."""

import asyncio
import contextlib
import socket
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from chat.accounts.actions import open_session
from chat.live import body as body_module
from chat.live.asgi import Madang
from chat.live.body import WholeBodies
from chat.live.ticket import Ticket
from chat.messages.actions import post_message
from chat.rooms.actions import remove_member
from chat.stream.serve import ASGIMessage, Stream
from tests.conftest import Cast
from tests.processes import House
from tests.sse import Listener
from tests.stream.test_serve import Socket

pytestmark = pytest.mark.django_db(transaction=True)


def connect(address: str) -> socket.socket:
    url = urlsplit(address)
    return socket.create_connection((str(url.hostname), int(url.port or 0)), timeout=10)


def status_of(address: str, request: bytes) -> int:
    with connect(address) as wire:
        wire.sendall(request)
        return int(wire.recv(4096).split(b" ")[1])


def test_who_pipelines_behind_a_stream_and_goes_harms_nobody(house: House, cast: Cast) -> None:
    address = house.stream[0]
    path = f"/rooms/{cast.room.pk}/stream/"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: l\r\nCookie: sessionid={open_session(person=cast.jiyoung)}\r\n\r\n"
        "GET /health/ HTTP/1.1\r\nHost: l\r\n\r\n"
    ).encode()
    honest = [Listener(address + path, cast.bob).wait_open() for _ in range(6)]
    for _ in range(6):
        with connect(address) as wire:
            wire.sendall(request)
            heard = b""
            while b"event: ping" not in heard:
                heard += wire.recv(4096)
    for seq in range(1, 9):
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="for all")
        for listener in honest:
            listener.wait_id(seq)
    for listener in honest:
        assert listener.ids == list(range(1, 9))
        listener.close()


def test_half_a_request_keeps_nobody_waiting(house: House, cast: Cast) -> None:
    half = (
        f"POST /accounts/login/ HTTP/1.1\r\nHost: l\r\nCookie: csrftoken={'x' * 32}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nusername="
    ).encode()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(house.stream[0])).sendall(half)
        assert httpx.get(f"{house.stream[0]}/health/", timeout=5).status_code == 200
        with Listener(f"{house.stream[0]}/stream/", cast.bob) as listener:
            listener.wait_open()


GET, POST = b"GET %s HTTP/1.1\r\nHost: l\r\n", b"POST /accounts/login/ HTTP/1.1\r\nHost: l\r\nContent-Length: %d\r\n"
ODD = {
    "a session key with an escaped NUL": (GET % b"/stream/" + b'Cookie: sessionid="\\000aaaaaaaaaaaa"\r\n\r\n', 401),
    "another charset": (POST % 0 + b"Content-Type: text/plain; charset=punycode\r\n\r\n", 400),
    "an encoding of its own": (
        GET % b"/health/" + b"Content-Type: text/plain; x*=foo'en'%41\r\n\r\n",
        400,
    ),
    "bytes in the query": (GET % b"/accounts/login/?next=\xec\xa7\x80" + b"\r\n", 400),
    "too large a body": (POST % 3_000_000 + b"\r\n" + b"x" * 3_000_000, 413),
}


@pytest.mark.parametrize(("odd", "status"), ODD.values(), ids=ODD)
def test_odd_requests_are_no_server_errors(house: House, odd: bytes, status: int) -> None:
    assert status_of(house.stream[0], odd) == status


def test_a_body_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "SECONDS", 0.05)
    sent: list[ASGIMessage] = []

    async def story() -> None:
        async def receive() -> ASGIMessage:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: ASGIMessage) -> None:
            sent.append(message)

        async def app(*_: Any) -> None:
            raise AssertionError

        await WholeBodies(app)({}, receive, send)

    asyncio.run(story())
    assert sent[0]["status"] == 408


def test_who_is_removed_between_the_answer_and_the_stream_hears_nothing(cast: Cast) -> None:
    post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="secret")
    topic, session = f"room:{cast.room.pk}", open_session(person=cast.bob)
    ticket = Ticket(cast.bob.pk, session, cast.bob.get_session_auth_hash(), [topic], after=0)
    remove_member(room=cast.room, person=cast.bob)
    socket = Socket()

    class NoPages:
        async def __call__(self, *_: Any) -> None:
            raise AssertionError

        async def run(self) -> None:
            pass

    async def story() -> None:
        async def receive() -> ASGIMessage:
            return {"type": "http.disconnect"}

        madang = Madang(NoPages())
        await madang.start()
        await madang._hold(receive, Stream(socket.send, socket), ticket)
        await madang.stop()

    asyncio.run(story())
    assert socket.written == [b"head", b'event: closed\ndata: {"reason": "removed"}\n\n', b""]


def test_a_post_that_is_cut_off_is_not_taken_for_a_whole_one(house: House, cast: Cast) -> None:
    body = f"client_mid={uuid.uuid4()}&text=hello+this+is+cut+in+the+mid".encode()
    head = (
        f"POST /rooms/{cast.room.pk}/messages/ HTTP/1.1\r\nHost: l\r\nX-CSRFToken: {'x' * 32}\r\n"
        f"Cookie: csrftoken={'x' * 32}; sessionid={open_session(person=cast.alice)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body) + 500}\r\n\r\n"
    ).encode()
    with connect(house.stream[0]) as wire:
        wire.sendall(head + body)
        wire.shutdown(socket.SHUT_WR)
        wire.recv(4096)
    with Listener(f"{house.stream[0]}/rooms/{cast.room.pk}/stream/?after=0", cast.bob) as listener:
        listener.wait_open()
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="whole")
        assert "whole" in listener.wait_id(1).changes[0].data


def test_odd_requests_leave_every_thread_of_the_pages(house: House) -> None:
    odd, status = ODD["an encoding of its own"]
    for _ in range(12):
        assert status_of(house.stream[0], odd) == status
    assert httpx.get(f"{house.stream[0]}/health/", timeout=5).status_code == 200
