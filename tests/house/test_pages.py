"""Pages in a process of their own: killed, stopped or busy, it takes nothing with it."""

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from chat.accounts.actions import open_session
from chat.messages.actions import post_message
from project.pages import frames
from project.pages.frames import Answer
from tests import processes
from tests.conftest import Cast
from tests.processes import Process, eventually
from tests.sse import Listener

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[Process]:
    process = processes.stream()
    with processes.running(process):
        yield process


def pages_of(server: Process) -> psutil.Process:
    return next(child for child in psutil.Process(server.pid).children() if "project.pages.worker" in child.cmdline())


def get(server: Process, path: str = "/accounts/login/") -> httpx.Response:
    return httpx.get(server.address + path, timeout=20)


def test_killed_it_is_started_again_and_streams_go_on(server: Process, cast: Cast) -> None:
    with Listener(f"{server.address}/rooms/{cast.room.pk}/stream/", cast.bob) as listener:
        listener.wait_open()
        first = pages_of(server)
        first.kill()
        eventually(lambda: not first.is_running())
        assert get(server).status_code == 200
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="still here")
        listener.wait_id(1)
    assert pages_of(server).pid != first.pid


def test_one_that_hangs_is_not_waited_for(server: Process, cast: Cast) -> None:
    pages = pages_of(server)
    pages.send_signal(signal.SIGSTOP)
    try:
        answer = get(server)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "잠시" in answer.text
    finally:
        pages.send_signal(signal.SIGCONT)
    assert get(server).status_code == 200


def test_requests_under_way_are_told_to_come_again_when_it_is_killed(server: Process, cast: Cast) -> None:
    pages = pages_of(server)
    pages.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(get, server) for _ in range(4)]
        eventually(lambda: len(psutil.Process(server.pid).net_connections()) > 4)
        pages.kill()
        assert {answer.result().status_code for answer in asking} <= {200, 503}
    assert get(server).status_code == 200


def test_it_ends_with_its_server(server: Process, cast: Cast) -> None:
    pages = pages_of(server)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pages.pid) or pages.status() == psutil.STATUS_ZOMBIE)


def test_the_port_is_its_servers_alone(server: Process, cast: Cast) -> None:
    port = int(server.address.rpartition(":")[2])
    assert port not in {each.laddr.port for each in pages_of(server).net_connections() if each.status == "LISTEN"}


def test_large_pages_and_bodies_come_through_whole(server: Process, cast: Cast) -> None:
    cookies = {"sessionid": open_session(person=cast.alice), "csrftoken": "x" * 32}
    headers = {"X-CSRFToken": "x" * 32, "HX-Request": "true"}
    text = "가나다라 " * 2000
    with httpx.Client(cookies=cookies, headers=headers) as client:
        url = f"{server.address}/rooms/{cast.room.pk}/messages/"
        assert client.post(url, data={"text": text, "client_mid": str(uuid.uuid4())}).status_code == 201
        assert text.strip() in client.get(url).text
        assert client.head(url).content == b""
        assert client.post(url, data={"text": text * 20, "client_mid": str(uuid.uuid4())}).status_code == 422


def test_frames_survive_any_cut() -> None:
    answers = [Answer(number, 200, [(b"a", b"b")], b"x" * number * 100) for number in range(4)]
    stream = b"".join(map(frames.pack, answers))
    for size in (1, 3, 64, len(stream)):
        reader = frames.Reader()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [Answer(*message) for piece in pieces for message in reader.feed(piece)] == answers


def test_many_ask_at_once(server: Process, cast: Cast) -> None:
    names = set[str]()
    lock = threading.Lock()

    def ask(number: int) -> None:
        answer = get(server, f"/accounts/login/?next=/n{number}/")
        assert f"/n{number}/" in answer.text
        with lock:
            names.add(answer.text)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(48)))
    assert len(names) == 48
