"""Who listens in this process, and whether they still may.

Asked again at once when someone was removed or signed out (the bus says so), after every gap on the bus, and within
LEASE_SECONDS in any case: one batch of queries for all who sit here.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from chat.accounts.models import User
from chat.live.batch import Batch
from chat.live.channels import room_of, signals
from chat.live.source import Postgres
from chat.rooms.models import RoomMember
from chat.stream.hub import Hub
from chat.stream.serve import Stream

LEASE_SECONDS = 30
RETRY_SECONDS = 2

log = logging.getLogger("madang.live")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody is, by which session."""

    session_key: str
    user_id: int
    auth_hash: str


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """One open stream and by what right it is open."""

    stream: Stream
    claim: Claim
    topic: str | None


@dataclass(frozen=True, slots=True)
class Rights:
    """What Postgres says now of a number of people."""

    sessions: frozenset[str]
    auth_hashes: dict[int, str]
    rooms: dict[int, set[UUID]]

    @classmethod
    def read(cls, claims: Collection[Claim]) -> "Rights":
        """In three queries."""
        people = {claim.user_id for claim in claims}
        keys = {claim.session_key for claim in claims}
        sessions = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
        users = User.objects.filter(pk__in=people, is_active=True)
        rooms: dict[int, set[UUID]] = {person: set() for person in people}
        for person, room in RoomMember.objects.filter(user__in=people).values_list("user", "room"):
            rooms[person].add(room)
        return cls(
            frozenset(sessions.values_list("session_key", flat=True)),
            {user.pk: user.get_session_auth_hash() for user in users},
            rooms,
        )

    def hold(self, claim: Claim) -> bool:
        """Whether somebody is signed in as they claim."""
        return (
            claim.session_key in self.sessions
            and claim.user_id in self.auth_hashes
            and constant_time_compare(self.auth_hashes[claim.user_id], claim.auth_hash)
        )

    def refusal(self, seat: Seat) -> str | None:
        """Why the stream has to end: "signed-out" or "removed"."""
        if not self.hold(seat.claim):
            return "signed-out"
        if seat.topic is not None and room_of(seat.topic) not in self.rooms[seat.claim.user_id]:
            return "removed"
        return None


class Seats:
    def __init__(self, hub: Hub, source: Postgres) -> None:
        self._hub = hub
        self._source = source
        self._rights = Batch(self._read)
        self._of: dict[int, set[Seat]] = {}
        self._doubted: set[int] = set()
        self._doubt = asyncio.Event()

    def take(self, seat: Seat) -> None:
        self._of.setdefault(seat.claim.user_id, set()).add(seat)

    def leave(self, seat: Seat) -> None:
        here = self._of[seat.claim.user_id]
        here.discard(seat)
        if not here:
            del self._of[seat.claim.user_id]

    async def may_stay(self, seat: Seat) -> set[str] | None:
        """Asks for one seat; many who ask at once are answered together. What it hears beside its topic, or None."""
        rights = await self._rights.ask(seat)
        return None if rights.refusal(seat) else signals(rights.rooms[seat.claim.user_id], seat.topic)

    async def _read(self, seats: Collection[Seat]) -> Rights:
        return await self._source.run(lambda: Rights.read([seat.claim for seat in seats]))

    def ask_again(self, person: int | None = None) -> None:
        """Soon, for one person or, with None, for all."""
        self._doubted.update(self._of if person is None else {person} & self._of.keys())
        if self._doubted:
            self._doubt.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        lease = loop.time() + LEASE_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(lease):
                    await self._doubt.wait()
            if loop.time() >= lease:  # however often single people were asked about
                lease = loop.time() + LEASE_SECONDS
                self._doubted.update(self._of)
            self._doubt.clear()
            people, self._doubted = self._doubted, set()
            try:
                await self._check([seat for person in people for seat in self._of.get(person, ())])
            except Exception as error:
                log.warning("permissions not read, asked again soon: %s", error)
                self._doubted |= people
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._doubt.set)

    async def _check(self, seats: Collection[Seat]) -> None:
        if not seats:
            return
        rights = await self._read(seats)
        for seat in self._of_those_still_here(seats):
            if reason := rights.refusal(seat):
                seat.stream.end(self._hub.wire.closed(reason))
            elif seat.stream.started:  # else it is joining, and hears what that asks
                self._hub.hear(seat.stream, signals(rights.rooms[seat.claim.user_id], seat.topic))

    def _of_those_still_here(self, seats: Collection[Seat]) -> list[Seat]:
        return [seat for seat in seats if seat in self._of.get(seat.claim.user_id, ())]
