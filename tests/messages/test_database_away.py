"""Postgres cannot be reached: the answer says so, soon, and what was typed stays."""

import time
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from chat.stream.breaker import Breaker
from project.postgres import base
from tests.conftest import Browser, Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def away(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Alice's browser, once nothing answers at the database's address."""
    browser = Browser(cast.alice)
    browser.raise_request_exception = False
    options = connection.settings_dict["OPTIONS"]
    host, pool = connection.settings_dict["HOST"], options["pool"]
    connection.close()
    connection.close_pool()
    connection.settings_dict["HOST"] = "/nowhere"
    options["pool"] = pool | {"timeout": 0.2}
    monkeypatch.setattr(base, "POSTGRES", Breaker(trips_on=PoolTimeout, refusal=OperationalError("away")))
    yield browser
    connection.close_pool()
    monkeypatch.undo()
    connection.settings_dict["HOST"] = host
    options["pool"] = pool


def test_a_post_is_told_to_come_again(away: Browser, cast: Cast) -> None:
    answer = away.post(f"/rooms/{cast.room.pk}/messages/", {"text": "안녕", "client_mid": uuid.uuid4()})
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert answer["Content-Type"].startswith("text/plain")
    assert "database is away" in answer.text


def test_without_script_the_text_can_be_sent_again_from_the_answer(away: Browser, cast: Cast) -> None:
    mid = uuid.uuid4()
    url = f"/rooms/{cast.room.pk}/messages/"
    del away.defaults["HTTP_HX_REQUEST"]
    answer = away.post(
        url, {"text": "안녕 <b>", "client_mid": mid}, headers={"Accept": "text/html", "Accept-Language": "ko"}
    )
    assert answer.status_code == 503
    assert "다시 보내기" in answer.text
    assert "안녕 &lt;b&gt;</textarea>" in answer.text
    assert f'name="client_mid" value="{mid}"' in answer.text
    assert f'action="{url}"' in answer.text


def test_a_page_says_what_is_the_case(away: Browser, cast: Cast) -> None:
    del away.defaults["HTTP_HX_REQUEST"]
    answer = away.get(f"/rooms/{cast.room.pk}/", headers={"Accept": "text/html"})
    assert (answer.status_code, "Retry-After" in answer) == (503, True)
    assert "What is stored is safe" in answer.text


def test_only_one_in_two_seconds_waits_for_it(away: Browser, cast: Cast) -> None:
    connection.settings_dict["OPTIONS"]["pool"]["timeout"] = 2
    away.get("/rooms/")
    began = time.monotonic()
    assert {away.get("/rooms/").status_code for _ in range(20)} == {503}
    assert time.monotonic() - began < 2
