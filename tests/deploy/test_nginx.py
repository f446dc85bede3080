"""The proxy's configuration as it is shipped, in a real nginx, in front of two `web` and two `stream` processes."""

import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.staticfiles.storage import staticfiles_storage

from chat.accounts.actions import create_people, open_session
from chat.messages.actions import post_message
from chat.rooms.actions import add_members
from chat.stream.hub import DRAIN_MS
from tests.conftest import Cast
from tests.deploy.edge import Edge, Follower, Writers, browser, lacking, start_edge
from tests.processes import eventually
from tests.sse import Listener

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(lacking()), reason=f"not installed here: {lacking()}"),
]


@pytest.fixture(scope="module")
def edge(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with start_edge(tmp_path_factory.mktemp("nginx")) as running:
        yield running


def say(cast: Cast, text: str = "hello") -> int:
    return post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text=text).message.seq


def test_a_stream_begins_at_once_and_brings_each_message_at_once(edge: Edge, cast: Cast) -> None:
    began = time.monotonic()
    with Listener(edge.room_stream(cast.room.pk), cast.bob).wait_open() as bob:
        assert time.monotonic() - began < 1
        for _ in range(3):
            said = time.monotonic()
            bob.wait_id(say(cast), 1)
            assert time.monotonic() - said < 1


def test_over_http_2_and_uncompressed(edge: Edge, cast: Cast) -> None:
    headers = ["-H", f"Cookie: sessionid={open_session(person=cast.bob)}"]
    command = ["curl", "-sikN", "--http2", "--compressed", "--max-time", "20", *headers, edge.room_stream(cast.room.pk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        lines = iter(curl.stdout.readline, "")
        try:
            head = "".join(iter(lambda: next(lines), "\n"))
            assert next(line for line in lines if line.startswith("event:")) == "event: ping\n"
            said = time.monotonic()
            seq = say(cast)
            assert next(line for line in lines if line.startswith("id:")) == f"id: {seq}\n"
            assert time.monotonic() - said < 1
        finally:
            curl.kill()
    assert head.startswith("HTTP/2 200")
    assert "content-encoding" not in head


def test_who_listens_to_a_killed_process_comes_back_to_the_other(edge: Edge, cast: Cast) -> None:
    followers = [
        Follower(edge.room_stream(cast.room.pk), person, open_session(person=person))
        for person in (cast.alice, cast.bob, cast.jiyoung)
    ]
    seqs = [say(cast)]
    for program in edge.stream:
        eventually(lambda: all(follower.ids == seqs for follower in followers))
        program.end(signal.SIGKILL)
        seqs.append(say(cast))
        eventually(lambda: all(follower.ids == seqs for follower in followers), 10)
        program.start()
        program.until_ready()
    for follower in followers:
        follower.end()
    assert sum(follower.returns for follower in followers) >= len(followers)


def test_signing_in_and_posting_over_https(edge: Edge, cast: Cast) -> None:
    cast.bob.set_password("a courtyard at noon")
    cast.bob.save()
    headers = {"Origin": edge.url, "Accept": "text/html"}
    with httpx.Client(base_url=edge.url, verify=False, headers=headers) as client:  # noqa: S501
        page = client.get("/accounts/login/")
        assert "Secure" in page.headers["Set-Cookie"]
        assert page.headers["Strict-Transport-Security"]
        form = {"username": "bob", "password": "a courtyard at noon", "csrfmiddlewaretoken": _token(page.text)}
        assert client.post("/accounts/login/", data=form).headers["Location"] == "/"
        room = client.get(f"/rooms/{cast.room.pk}/")
        post = {"text": "안녕", "client_mid": str(uuid.uuid4()), "csrfmiddlewaretoken": _token(room.text)}
        assert client.post(f"/rooms/{cast.room.pk}/messages/", data=post).status_code == 302
        stranger = client.post(
            f"/rooms/{cast.room.pk}/messages/", data=post, headers={"Origin": "https://evil.example"}
        )
        assert stranger.status_code == 403
    assert cast.room.messages.get().text == "안녕"


def _token(html: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
    assert found is not None
    return found[1]


def test_refusals_pass_through_and_what_is_too_large_goes_no_further(edge: Edge, cast: Cast) -> None:
    path = f"/rooms/{cast.room.pk}/messages/"
    with browser(edge, open_session(person=cast.bob)) as bob:

        def post(text: str) -> httpx.Response:
            return bob.post(path, data={"text": text, "client_mid": str(uuid.uuid4())})

        assert post("").status_code == 422
        assert post("x" * 2_600_000).status_code == 422
        assert post("x" * 2_700_000).status_code == 413
        answers = [post("fast") for _ in range(20)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"]
    assert cast.room.messages.count() == sum(answer.status_code == 201 for answer in answers)


def test_olive_and_strangers_are_refused_as_without_a_proxy(edge: Edge, cast: Cast) -> None:
    with browser(edge, open_session(person=cast.olive)) as olive:
        assert olive.get(f"/rooms/{cast.room.pk}/").status_code == 404
        assert olive.get(f"/rooms/{cast.room.pk}/stream/").status_code == 404
        assert olive.get("/metrics").status_code == 404
    with browser(edge, "") as stranger:
        assert stranger.get(f"/rooms/{cast.room.pk}/stream/").status_code == 401


def test_plain_http_leads_to_https(edge: Edge) -> None:
    answer = httpx.get(f"http://127.0.0.1:{edge.plain_port}/rooms/", headers={"Host": "localhost"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/rooms/")


def test_static_files_are_compressed_and_kept_for_long(edge: Edge) -> None:
    answer = httpx.get(edge.url + staticfiles_storage.url("chat/js/composer.js"), verify=False)  # noqa: S501
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "application/javascript; charset=utf-8"
    assert httpx.get(f"{edge.url}/static/chat/js/none.js", verify=False).status_code == 404  # noqa: S501


def test_all_processes_are_restarted_in_turn_and_nobody_misses_anything(edge: Edge, cast: Cast) -> None:
    people = create_people(names=[f"p{number:05d}" for number in range(1, 11)])
    add_members(room=cast.room, people=people)
    sessions = [open_session(person=person) for person in people]
    url = edge.room_stream(cast.room.pk)
    followers = [Follower(url, *each) for each in zip(people, sessions, strict=True)]
    writers = Writers(edge, cast.room.pk, sessions, per_second=20)
    try:
        for program in edge.stream + edge.web:
            written = writers.posted
            eventually(lambda written=written: writers.posted >= written + 20)
            assert program.end() < 30
            program.start()
            program.until_ready()
    finally:
        writers.end()
    newest = cast.room.messages.count()
    eventually(lambda: all(follower.ids[-1:] == [newest] for follower in followers), 2 * DRAIN_MS / 1000)
    for follower in followers:
        follower.end()
    assert writers.posted == newest
    assert [follower.ids for follower in followers] == [list(range(1, newest + 1))] * len(followers)
    assert all(follower.returns >= 1 for follower in followers)
    print(f"{newest} messages, {writers.repeated} posts repeated")
