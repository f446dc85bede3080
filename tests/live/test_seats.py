"""The lease: where no word comes that someone was removed, it is noticed all the same."""

import asyncio
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django_eventstream.utils import sse_encode_event

from chat.accounts.actions import open_session
from chat.live import seats as seats_module
from chat.live.seats import Claim, Seat, Seats
from chat.live.source import Postgres
from chat.rooms.models import RoomMember
from chat.stream.hub import Hub
from chat.stream.wire import Wire
from tests.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)


class Ending:
    """The end of a stream."""

    started = False

    def __init__(self) -> None:
        self.frame = b""
        self.came = asyncio.Event()

    def end(self, frame: bytes) -> None:
        self.frame = frame
        self.came.set()


@pytest.mark.parametrize("talk", [False, True], ids=["quiet", "while others are asked about"])
def test_the_lease_ends_what_nobody_announced(cast: Cast, talk: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats_module, "LEASE_SECONDS", 0.05)
    sessions = {person: open_session(person=person) for person in (cast.bob, cast.jiyoung)}

    async def story() -> tuple[Any, Any]:
        source = Postgres()
        hub = Hub(settings.REDIS_URL, source, Wire(sse_encode_event), lambda event, data: None)
        seats = Seats(hub, source)
        endings = {person: Ending() for person in sessions}
        for person, session in sessions.items():
            seats.take(
                Seat(endings[person], Claim(session, person.pk, person.get_session_auth_hash()), f"room:{cast.room.pk}")  # type: ignore[arg-type]
            )
        asking = asyncio.create_task(seats.run())
        await source.run(lambda: RoomMember.objects.filter(user=cast.bob).delete())
        async with asyncio.timeout(10):
            while not endings[cast.bob].came.is_set():
                if talk:
                    seats.ask_again(cast.jiyoung.pk)
                await asyncio.sleep(0.01)
        asking.cancel()
        source.close()
        return endings[cast.bob].frame, endings[cast.jiyoung].frame

    assert asyncio.run(story()) == (b'event: closed\ndata: {"reason": "removed"}\n\n', b"")


def test_who_takes_a_seat_is_asked_for_once_more(cast: Cast) -> None:
    sessions = {person: open_session(person=person) for person in (cast.bob, cast.jiyoung, cast.alice)}
    RoomMember.objects.filter(user=cast.bob).delete()
    Session.objects.filter(session_key=sessions[cast.alice]).delete()

    async def story() -> list[bool]:
        source = Postgres()
        hub = Hub(settings.REDIS_URL, source, Wire(sse_encode_event), lambda event, data: None)
        seats = Seats(hub, source)
        topic = f"room:{cast.room.pk}"
        asked = [
            seats.may_stay(Seat(Ending(), Claim(session, person.pk, person.get_session_auth_hash()), topic))  # type: ignore[arg-type]
            for person, session in sessions.items()
        ]
        answers = await asyncio.gather(*asked)
        source.close()
        return [answer is not None for answer in answers]

    assert asyncio.run(story()) == [False, True, False]
