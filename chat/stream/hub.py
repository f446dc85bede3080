"""Who listens here, and what they hear: each topic's changes in the order of their seqs, none left out.

Everything runs in one event loop and needs no locks; what is between two `await`s happens at once.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from chat.stream.bus import CONTROL, Bus
from chat.stream.wire import Envelope, Wire

log = logging.getLogger("madang.stream")

PATIENCE_SECONDS = 0.2
"""How long a change waits for the one before it until both are read from the source."""
PING_SECONDS = 15
POLL_SECONDS = 3
"""How often heads are compared while the bus is down."""
FLUSH_SECONDS = 0.02
"""The shortest time between two writes to the listeners of a topic: a burst goes out in one."""
TOO_FAR = 1000
"""Changes. Whoever is further behind gets a reset instead."""
PAGE = 200
TAIL_BYTES = 256 * 1024
DRAIN_MS = 5000


class Source(Protocol):
    """Where the truth is."""

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        """The newest seq of each topic that has a log."""
        ...

    async def changes(self, topic: str, after: int, limit: int) -> list[tuple[int, str]]:
        """(seq, html) of the latest state of what changed after `after`, oldest change first."""
        ...


class Listener(Protocol):
    cursor: int

    def push(self, frames: bytes) -> None:
        """Must not block: what cannot be written now is the listener's own matter."""
        ...

    async def drained(self) -> None:
        """Returns when all that was pushed has been written."""
        ...

    def end(self, frame: bytes) -> None:
        """Sends this last frame and closes."""
        ...


@dataclass(slots=True, eq=False)
class Topic:
    name: str
    head: int | None = None
    """The newest seq that went out; None until the source was asked, for ever where there is no log."""
    floor: int = 0
    """The tail holds everything after this seq."""
    tail: deque[tuple[int, bytes]] = field(default_factory=deque)
    tail_bytes: int = 0
    early: dict[int, bytes] = field(default_factory=dict)
    outbox: list[tuple[int, bytes]] = field(default_factory=list)
    flushed_at: float = 0
    flushing: asyncio.Handle | None = None
    healing: asyncio.Task[None] | None = None
    listeners: set[Listener] = field(default_factory=set)
    joining: int = 0


class Hub:
    """`on_control(event, data)` is called for what is announced on the control topic, and with two empty strings when
    some of it may have been lost."""

    def __init__(self, url: str, source: Source, wire: Wire, on_control: Callable[[str, str], None]) -> None:
        self.wire = wire
        self._on_control = on_control
        self.bus = Bus(url, self._receive, self._gap)
        self._source = source
        self._topics: dict[str, Topic] = {}
        self._follows: dict[Listener, Topic] = {}
        self._hears: dict[Listener, dict[str, Topic]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    # --- the process -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._spawn(self.bus.run())
        self._spawn(self._tick())

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drain(self) -> None:
        """Sends everyone away, each to come back after a time of their own."""
        for listener in self._follows.keys() | self._hears.keys():
            pause = random.randint(100, DRAIN_MS)  # noqa: S311  # spreads the return, hides nothing
            listener.end(self.wire.closed("drain", retry_ms=pause))

    # --- one listener ------------------------------------------------------------------------------------------

    async def follow(
        self, listener: Listener, name: str, after: int | None, check: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Registers, checks again that the listener may hear this, replays what came after `after`, then follows.

        None for `after` starts at the newest change. Returns False, with nothing sent, if the check fails.
        """
        topic = self._open(name)
        topic.joining += 1
        try:
            if not await check():
                return False
            if topic.head is None:
                await self._heal(topic)
            await self._replay(listener, topic, after)
            self._follows[listener] = topic
            topic.listeners.add(listener)
        finally:
            topic.joining -= 1
            self._close_if_idle(topic)
        return True

    def hear(self, listener: Listener, names: Collection[str]) -> None:
        """Beside the log that it follows, the listener hears the signals of these topics, and of no others."""
        heard = self._hears.setdefault(listener, {})
        for name in set(names).difference(heard):
            heard[name] = self._open(name)
            heard[name].listeners.add(listener)
        for name in set(heard).difference(names):
            self._remove(listener, heard.pop(name))

    def leave(self, listener: Listener) -> None:
        followed = self._follows.pop(listener, None)
        for topic in (*self._hears.pop(listener, {}).values(), *([followed] if followed else ())):
            self._remove(listener, topic)

    def _remove(self, listener: Listener, topic: Topic) -> None:
        topic.listeners.discard(listener)
        self._close_if_idle(topic)

    async def _replay(self, listener: Listener, topic: Topic, after: int | None) -> None:
        head = topic.head or 0
        if after is not None and after > head:
            head = (await self._source.heads([topic.name])).get(topic.name, 0)
        if after is None or after > head or head - after > TOO_FAR:
            listener.cursor = topic.head or 0
            if after is not None:
                listener.push(self.wire.reset())
            return
        listener.cursor = after
        while listener.cursor < topic.floor:
            page = await self._source.changes(topic.name, listener.cursor, PAGE)
            if not page:
                break
            listener.push(b"".join(self.wire.change(seq, html) for seq, html in page))
            listener.cursor = page[-1][0]
            await listener.drained()
        self._send_tail(listener, topic)

    def _send_tail(self, listener: Listener, topic: Topic) -> None:
        if frames := [frame for seq, frame in topic.tail if seq > listener.cursor]:
            listener.push(b"".join(frames))
            listener.cursor = topic.tail[-1][0]

    # --- topics ------------------------------------------------------------------------------------------------

    def _open(self, name: str) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name)
            self.bus.subscribe(name)
        return topic

    def _close_if_idle(self, topic: Topic) -> None:
        if topic.listeners or topic.joining or self._topics.get(topic.name) is not topic:
            return
        del self._topics[topic.name]
        self.bus.unsubscribe(topic.name)
        if topic.healing:
            topic.healing.cancel()

    # --- what the bus brings -----------------------------------------------------------------------------------

    def _receive(self, name: str, payload: bytes) -> None:
        try:
            news = Envelope.unpack(payload)
        except ValueError:
            log.warning("not understood on %s: %r", name, payload[:80])
            return
        topic = self._topics.get(name)
        if name == CONTROL:
            self._on_control(news.event, news.data)
        elif topic is None:
            return
        elif not news.seq:
            self._signal(topic, self.wire.signal(news.event, news.data))
        elif topic.head is None or news.seq > topic.head:
            self._change(topic, news)

    def _change(self, topic: Topic, news: Envelope) -> None:
        if not news.data:  # many changes at once were only counted
            self._heal_soon(topic, 0)
            return
        if len(topic.early) >= TOO_FAR:
            topic.early.clear()  # the source has them all
        topic.early[news.seq] = self.wire.change(news.seq, news.data)
        self._send_what_is_due(topic)
        if topic.early and topic.head is not None:
            self._heal_soon(topic, PATIENCE_SECONDS)

    def _send_what_is_due(self, topic: Topic) -> None:
        while topic.head is not None and (frame := topic.early.pop(topic.head + 1, None)):
            self._emit(topic, topic.head + 1, frame)

    def _gap(self, name: str) -> None:
        if name == CONTROL:
            self._on_control("", "")
            return
        topic = self._topics.get(name)
        if topic is not None and topic.head is not None:
            self._heal_soon(topic, 0)

    # --- healing -----------------------------------------------------------------------------------------------

    def _heal_soon(self, topic: Topic, seconds: float) -> None:
        if topic.healing is None or topic.healing.done():
            topic.healing = self._spawn(self._heal_after(topic, seconds))

    async def _heal_after(self, topic: Topic, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if seconds and not topic.early:
            return  # the missing one has come
        try:
            await self._heal(topic)
        except Exception as error:
            log.warning("%s waits to be healed: %s", topic.name, error)  # the next tick tries again

    async def _heal(self, topic: Topic) -> None:
        """Brings the topic up to its source. Raises what the source raises."""
        newest = (await self._source.heads([topic.name])).get(topic.name)
        if newest is None:
            return
        if topic.head is None:
            topic.head = topic.floor = newest
        elif newest - topic.head > TOO_FAR:
            self._skip_to(topic, newest)
        while topic.head < newest:
            page = await self._source.changes(topic.name, topic.head, PAGE)
            for seq, html in page:
                if seq > topic.head:
                    self._emit(topic, seq, self.wire.change(seq, html))
            if not page:
                break
        topic.early = {seq: frame for seq, frame in topic.early.items() if seq > topic.head}
        self._send_what_is_due(topic)

    def _skip_to(self, topic: Topic, newest: int) -> None:
        self._flush(topic)
        topic.head = topic.floor = newest
        topic.tail.clear()
        topic.tail_bytes = 0
        for listener in tuple(topic.listeners):
            listener.cursor = newest
            listener.push(self.wire.reset())

    async def _tick(self) -> None:
        """I10: a lost announcement is found by comparing heads, with each ping and faster while the bus is down."""
        last_ping = self._loop.time()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            ping = self._loop.time() - last_ping >= PING_SECONDS - POLL_SECONDS / 2
            if ping or not self.bus.connected:
                await self._compare_heads()
            if ping:
                last_ping = self._loop.time()
                self._ping_all()

    async def _compare_heads(self) -> None:
        try:
            heads = await self._source.heads([name for name, topic in self._topics.items() if topic.head is not None])
            behind = [
                topic for name, head in heads.items() if (topic := self._topics.get(name)) and head > (topic.head or 0)
            ]
            for topic in behind:
                await self._heal(topic)
        except Exception as error:
            log.warning("heads not compared: %s", error)

    def _ping_all(self) -> None:
        for topic in self._topics.values():
            if topic.head is not None:
                self._signal(topic, self.wire.ping(topic.head))

    # --- sending -----------------------------------------------------------------------------------------------

    def _emit(self, topic: Topic, seq: int, frame: bytes) -> None:
        topic.head = seq
        topic.tail.append((seq, frame))
        topic.tail_bytes += len(frame)
        while topic.tail_bytes > TAIL_BYTES:
            topic.floor, dropped = topic.tail.popleft()
            topic.tail_bytes -= len(dropped)
        topic.outbox.append((seq, frame))
        if topic.flushing is None:
            self._flush_in_time(topic)

    def _flush_in_time(self, topic: Topic) -> None:
        pause = topic.flushed_at + FLUSH_SECONDS - self._loop.time()
        if pause > 0:
            topic.flushing = self._loop.call_later(pause, self._flush, topic)
        else:
            topic.flushing = self._loop.call_soon(self._flush, topic)

    def _flush(self, topic: Topic) -> None:
        if topic.flushing:
            topic.flushing.cancel()
            topic.flushing = None
        if not topic.outbox:
            return
        outbox, topic.outbox = topic.outbox, []
        first, last = outbox[0][0], outbox[-1][0]
        frames = b"".join(frame for _, frame in outbox)
        for listener in tuple(topic.listeners):
            if listener.cursor < first:
                listener.push(frames)
            elif listener.cursor < last:
                listener.push(b"".join(frame for seq, frame in outbox if seq > listener.cursor))
            else:
                continue
            listener.cursor = last
        topic.flushed_at = self._loop.time()

    def _signal(self, topic: Topic, frame: bytes) -> None:
        for listener in tuple(topic.listeners):
            listener.push(frame)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
