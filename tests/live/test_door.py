"""The door for people who are known: never wider than Django's own, and in every doubt Django is asked."""

import asyncio
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from chat.accounts.actions import open_session
from chat.live.batch import Batch
from chat.live.door import Door
from chat.live.source import Postgres
from chat.live.ticket import Ticket
from chat.rooms.actions import create_room
from tests.conftest import Browser, Cast
from tests.processes import House

pytestmark = pytest.mark.django_db(transaction=True)


def scope(path: str, session: str, *more: tuple[bytes, bytes], query: str = "", method: str = "GET") -> dict[str, Any]:
    cookie = f"csrftoken=x; sessionid={session}".encode()
    return {
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"l"), (b"cookie", cookie), *more],
    }


def ask(*scopes: dict[str, Any]) -> list[Ticket | None]:
    async def story() -> list[Ticket | None]:
        source = Postgres()
        door = Door(source)
        tickets = await asyncio.gather(*map(door.ticket, scopes))
        source.close()
        return tickets

    return asyncio.run(story())


def stream_of(cast: Cast) -> str:
    return f"/rooms/{cast.room.pk}/stream/"


def test_it_gives_the_ticket_that_django_gives(cast: Cast) -> None:
    create_room(owner=cast.bob, name="other")
    browser = Browser(cast.bob)
    session = browser.cookies["sessionid"].value
    for path in (stream_of(cast), "/stream/"):
        answer = browser.get(f"{path}?after=3", headers={"Last-Event-ID": "7"}, **{"madang.bus": "ok"})
        (ticket,) = ask(scope(path, session, (b"last-event-id", b"7"), query="after=3"))
        assert ticket == Ticket.unpack(answer.content)
        assert ticket.after == 7


def test_olive_and_strangers_are_left_to_django(cast: Cast) -> None:
    mine, path = open_session(person=cast.bob), stream_of(cast)
    doubts = [
        scope(path, open_session(person=cast.olive)),
        scope(path, "x" * 32),
        scope(path, '"\\000"'),
        scope(f"/rooms/{uuid.uuid4()}/stream/", mine),
        scope(path.upper(), mine),
        scope("/rooms/../stream/", mine),
        scope(path, mine, (b"grip-sig", b"signed")),
        scope(path, mine, method="POST"),
        {"method": "GET", "path": path, "query_string": b"", "headers": []},
    ]
    assert ask(*doubts) == [None] * len(doubts)


def test_who_was_signed_out_or_locked_out_is_left_to_django(cast: Cast) -> None:
    expired, changed, locked, kept = (
        open_session(person=each) for each in (cast.alice, cast.bob, cast.jiyoung, cast.alice)
    )
    Session.objects.filter(session_key=expired).update(expire_date=timezone.now() - timedelta(seconds=1))
    cast.bob.set_password("another one")
    cast.bob.save()
    cast.jiyoung.is_active = False
    cast.jiyoung.save()
    tickets = ask(*(scope(stream_of(cast), session) for session in (expired, changed, locked, kept)))
    assert [ticket is not None for ticket in tickets] == [False, False, False, True]


def test_many_at_once_are_answered_by_few_reads(cast: Cast) -> None:
    sessions = [open_session(person=each) for each in (cast.alice, cast.bob, cast.jiyoung)] * 20
    reads = 0

    class Counted(Postgres):
        async def run(self, read: Any) -> Any:
            nonlocal reads
            reads += 1
            return await super().run(read)

    async def story() -> list[Ticket | None]:
        source = Counted()
        door = Door(source)
        tickets = await asyncio.gather(*(door.ticket(scope(stream_of(cast), session)) for session in sessions))
        source.close()
        return tickets

    tickets = asyncio.run(story())
    assert all(tickets)
    assert len({ticket.user_id for ticket in tickets if ticket}) == 3
    assert reads <= 2


def test_a_ticket_of_django_is_for_the_process_alone(house: House, cast: Cast) -> None:
    headers = {"Cookie": f"sessionid={open_session(person=cast.bob)}", "Grip-Sig": "forged"}
    with httpx.stream("GET", f"{house.stream[0]}{stream_of(cast)}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert next(answer.iter_lines()).startswith(("retry:", "event: ping"))


def test_all_are_told_when_a_read_fails_and_none_is_kept() -> None:
    async def story() -> tuple[list[Any], int, str]:
        fails = True

        async def read(questions: Collection[int]) -> str:
            await asyncio.sleep(0)
            if fails:
                raise ConnectionError
            return f"{len(questions)} asked"

        batch = Batch[int, str](read)
        answers = await asyncio.gather(*map(batch.ask, range(5)), return_exceptions=True)
        fails = False
        return answers, len(batch._asking), await batch.ask(1)

    answers, kept, later = asyncio.run(story())
    assert [type(answer) for answer in answers] == [ConnectionError] * 5
    assert (kept, later) == (0, "1 asked")
