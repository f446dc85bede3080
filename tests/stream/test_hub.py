"""The hub on a real Redis, with a source that the test can read and write."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import pytest
import redis
from django.conf import settings
from django_eventstream.utils import sse_encode_event

from chat.stream import hub as hub_module
from chat.stream import shards
from chat.stream.bus import channel
from chat.stream.hub import Hub
from chat.stream.wire import Envelope, Wire
from tests.stream.told import subscribers, told

TOPIC = "room:under-test"
SECONDS = 10

pytestmark = pytest.mark.usefixtures("engines_running")


class Log:
    """A source: what is committed."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.reads = 0
        self.away = False
        self.control: list[tuple[str, str]] = []

    def commit(self, seq: int, row: str | None = None) -> None:
        self.rows[row or f"row {seq}"] = seq

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        if self.away:
            raise ConnectionError("away")
        return dict.fromkeys(topics, max(self.rows.values(), default=0))

    async def changes(self, topic: str, after: int, limit: int) -> list[tuple[int, str]]:
        self.reads += 1
        changed = sorted((seq, row) for row, seq in self.rows.items() if seq > after)
        return [(seq, f"{row} at {seq}") for seq, row in changed[:limit]]


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.cursor = 0
        self.heard: list[bytes] = []
        self.ended = False
        self.news = asyncio.Event()

    def push(self, frames: bytes) -> None:
        self.heard += [frame for frame in frames.split(b"\n\n") if frame]
        self.news.set()

    def end(self, frame: bytes) -> None:
        self.push(frame)
        self.ended = True

    async def drained(self) -> None:
        pass

    @property
    def ids(self) -> list[int]:
        return [int(frame.split(b"\n")[0][4:]) for frame in self.heard if frame.startswith(b"id: ")]

    async def until(self, condition: Callable[["Ear"], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition(self):
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(log: Log) -> AsyncIterator[Hub]:
    hub = Hub(settings.REDIS_URL, log, Wire(sse_encode_event), lambda event, data: log.control.append((event, data)))
    hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


async def follow(hub: Hub, after: int | None = None, *, allowed: bool = True) -> Ear:
    async def check() -> bool:
        return allowed

    ear = Ear()
    assert await hub.follow(ear, TOPIC, after, check) is allowed
    return ear


async def subscribed(hub: Hub) -> None:
    """Waits until the hub's subscription stands, by a signal that comes through."""
    ear = Ear()
    hub.hear(ear, [TOPIC])
    async with asyncio.timeout(SECONDS):
        while not ear.heard:
            publish(0, event="knock", data="{}")
            await asyncio.sleep(0.01)
    hub.leave(ear)


def publish(seq: int, data: str = "live", event: str = "") -> None:
    say(Envelope(seq, event, data).pack())


def say(*payloads: bytes) -> None:
    with redis.Redis.from_url(settings.REDIS_URL, redis_connect_func=shards.ask) as client:
        shards.publish(client, [(channel(TOPIC), payload) for payload in payloads])


@told
async def test_changes_go_out_in_order_although_they_come_in_disorder() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        for seq in (2, 3, 1, 1, 2, 4):
            log.commit(seq)
            publish(seq)
        await ear.until(lambda ear: ear.cursor == 4)
        assert ear.ids == [1, 2, 3, 4]


@told
async def test_a_lost_change_is_read_from_the_source() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        for seq in (1, 2, 3):
            log.commit(seq)
        publish(3)
        await ear.until(lambda ear: ear.cursor == 3)
        assert ear.ids == [1, 2, 3]
        assert log.reads == 1


@told
async def test_a_change_that_was_never_announced_is_found_by_comparing_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "HEADS_SECONDS", 0.1)
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        log.commit(1)
        await ear.until(lambda ear: ear.cursor == 1)
        await ear.until(lambda ear: any(b'ping\ndata: {"seq": 1}' in frame for frame in ear.heard))


@told
async def test_many_who_return_together_cost_no_query() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        for seq in range(1, 51):
            log.commit(seq)
            publish(seq)
        await ear.until(lambda ear: ear.cursor == 50)
        reads = log.reads
        ears = await asyncio.gather(*(follow(hub, after) for after in [10, 49, 50] * 30))
        assert [ear.ids for ear in ears] == [list(range(11, 51)), [50], []] * 30
        assert log.reads == reads


@told
async def test_who_was_away_gets_the_latest_state_of_all_that_changed() -> None:
    log = Log()
    for seq in range(1, 600):
        log.commit(seq)
    log.commit(600, "row 5")
    async with running(log) as hub:
        ear = await follow(hub, 3)
        assert ear.ids == [4, *range(6, 601)]
        assert ear.heard[-1] == b"id: 600\ndata: row 5 at 600"


@pytest.mark.parametrize("after", [0, 2**63 - 1])
@told
async def test_who_is_too_far_away_or_nowhere_starts_fresh(after: int) -> None:
    log = Log()
    log.commit(hub_module.TOO_FAR + 1)
    async with running(log) as hub:
        ear = await follow(hub, after)
        assert ear.heard == [b'event: reset\ndata: {"seq": 1001}']
        assert ear.cursor == hub_module.TOO_FAR + 1


@told
async def test_a_flood_resets_those_who_follow() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        log.commit(hub_module.TOO_FAR * 5)
        publish(hub_module.TOO_FAR * 5, data="")
        await ear.until(lambda ear: b'event: reset\ndata: {"seq": 5000}' in ear.heard)
        log.commit(ear.cursor + 1)
        publish(ear.cursor + 1)
        await ear.until(lambda ear: ear.ids == [hub_module.TOO_FAR * 5 + 1])


@told
async def test_who_may_no_longer_hear_gets_nothing() -> None:
    log = Log()
    log.commit(1)
    async with running(log) as hub:
        ear = await follow(hub, 0, allowed=False)
        assert ear.heard == []


@told
async def test_garbage_on_the_bus_stops_nothing() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        say(b"", b"\xff", b"no envelope", b"x" * 10_000_000)
        log.commit(1)
        publish(1)
        await ear.until(lambda ear: ear.ids == [1])


@told
async def test_a_cut_link_to_redis_loses_nothing() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        for seq in range(1, 21):
            await subscribed(hub)
            with redis.Redis.from_url(settings.REDIS_URL) as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            log.commit(seq)
            publish(seq)
            await ear.until(lambda ear, seq=seq: ear.cursor == seq)
        assert ear.ids == list(range(1, 21))


@told
async def test_a_source_that_was_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "HEADS_SECONDS", 0.1)
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        log.away = True
        log.commit(1)
        log.commit(2)
        publish(2)
        await ear.until(lambda ear: any(b"ping" in frame for frame in ear.heard))
        assert ear.ids == []
        log.away = False
        await ear.until(lambda ear: ear.ids == [1, 2])


@told
async def test_only_topics_with_listeners_are_subscribed() -> None:
    async with running(Log()) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        hub.leave(ear)
        async with asyncio.timeout(SECONDS):
            while subscribers(TOPIC):
                await asyncio.sleep(0.01)


@told
async def test_a_drain_sends_everyone_away_to_return_at_different_times() -> None:
    async with running(Log()) as hub:
        ears = [await follow(hub) for _ in range(50)]
        hub.drain()
        assert all(ear.ended for ear in ears)
        assert len({ear.heard[-1] for ear in ears}) > 25


@told
async def test_a_gap_is_healed_although_a_late_change_just_came() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        for seq in (1, 2, 3):
            log.commit(seq)
        publish(2)  # waits for 1
        publish(0, event="mark", data="{}")
        await ear.until(lambda ear: any(b"mark" in frame for frame in ear.heard))
        publish(3, data="")  # only counted: the source has to be read
        publish(1)
        await ear.until(lambda ear: ear.cursor == 3)
        assert ear.ids == [1, 2, 3]


@told
async def test_a_number_that_was_never_committed_does_not_keep_the_hub_busy() -> None:
    log = Log()
    async with running(log) as hub:
        ear = await follow(hub)
        await subscribed(hub)
        publish(10**9)
        for seq in (1, 2, 3):
            log.commit(seq)
            publish(seq)
        await ear.until(lambda ear: ear.cursor == 3)
        topic = hub._topics[TOPIC]
        async with asyncio.timeout(SECONDS):
            while topic.healing and not topic.healing.done():
                await asyncio.sleep(0.01)
        assert ear.ids == [1, 2, 3]
        assert topic.early == {}


@told
async def test_who_is_in_no_room_is_pinged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "PING_SECONDS", 0.1)
    async with running(Log()) as hub:
        ear = Ear()
        hub.hear(ear, [])
        await ear.until(lambda ear: ear.heard == [b'event: ping\ndata: {"seq": 0}'])
