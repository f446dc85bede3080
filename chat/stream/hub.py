"""Who listens here, and what they hear: each topic's changes in the order of their seqs, none left out.

Everything runs in one event loop and needs no locks; what is between two `await`s happens at once.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Protocol

from chat.stream.bus import CONTROL, Bus
from chat.stream.topic import Listener, Topic
from chat.stream.wire import Envelope, Wire

log = logging.getLogger("madang.stream")

PATIENCE_SECONDS = 0.2
"""How long a change waits for the one before it until both are read from the source."""
PING_SECONDS = 15
HEADS_SECONDS = 12
"""How often heads are compared: what was lost is there again in less than 15 s."""
POLL_SECONDS = 3
"""How often heads are compared while the bus is down."""
TOO_FAR = 1000
"""Changes. Whoever is further behind gets a reset instead."""
PAGE = 50
SLICE_BYTES = 64 * 1024
"""How much of a replay is written before the next waits until that has been taken."""
DRAIN_MS = 5000
STOP_SECONDS = 2


class Source(Protocol):
    """Where the truth is."""

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        """The newest seq of each topic that has a log."""
        ...

    async def changes(self, topic: str, after: int, limit: int) -> list[tuple[int, str]]:
        """(seq, html) of the latest state of what changed after `after`, oldest change first."""
        ...


class Hub:
    """`on_control(event, data)` is called for what is announced on the control topic, and with two empty strings when
    some of it may have been lost."""

    def __init__(self, url: str, source: Source, wire: Wire, on_control: Callable[[str, str], None]) -> None:
        self.wire = wire
        self.draining = False
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
        """Connects to the bus and begins to compare heads."""
        self._spawn(self.bus.run())
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Ends the hub's tasks; streams are the business of `drain`."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    def drain(self) -> None:
        """Sends everyone away, also those who come from now on."""
        self.draining = True
        for listener in self._follows.keys() | self._hears.keys():
            self.send_away(listener)

    def send_away(self, listener: Listener) -> None:
        """Ends a stream; its browser comes back after a time of its own."""
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
                if topic.doubted:
                    self._heal_soon(topic, 0)
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

    def hears(self, listener: Listener) -> bool:
        return listener in self._hears

    def leave(self, listener: Listener) -> None:
        """Forgets a listener. Does nothing when it is not known."""
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
                listener.push(self.wire.reset(listener.cursor))
            return
        listener.cursor = after
        waiting: list[bytes] = []
        while listener.cursor < topic.floor:
            page = await self._source.changes(topic.name, listener.cursor, PAGE)
            if not page:
                break
            for seq, html in page:
                waiting.append(self.wire.change(seq, html))
                if sum(map(len, waiting)) > SLICE_BYTES or seq == page[-1][0]:
                    listener.push(b"".join(waiting))
                    waiting.clear()
                    await listener.drained()
            listener.cursor = page[-1][0]
        topic.send_tail(listener)

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
            topic.signal(self.wire.signal(news.event, news.data))
        elif topic.head is None or news.seq > topic.head:
            self._change(topic, news)

    def _change(self, topic: Topic, news: Envelope) -> None:
        if not news.data:  # many changes at once were only counted
            self._doubt(topic)
            return
        topic.offer(news.seq, self.wire.change(news.seq, news.data))
        if topic.early and topic.head is not None:
            self._heal_soon(topic, PATIENCE_SECONDS)

    def _gap(self, name: str) -> None:
        if name == CONTROL:
            self._on_control("", "")
            return
        topic = self._topics.get(name)
        if topic is not None:
            self._doubt(topic)

    def _doubt(self, topic: Topic) -> None:
        topic.doubted = True
        if topic.head is not None:  # else it is being read for the first time
            self._heal_soon(topic, 0)

    # --- healing -----------------------------------------------------------------------------------------------

    def _heal_soon(self, topic: Topic, seconds: float) -> None:
        if topic.healing is None or topic.healing.done():
            topic.healing = self._spawn(self._heal_after(topic, seconds))

    async def _heal_after(self, topic: Topic, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while topic.early or topic.doubted:  # else the missing one has come in the meantime
            try:
                await self._heal(topic)
            except Exception as error:
                log.warning("%s waits to be healed: %s", topic.name, error)  # the next tick tries again
                return
            if topic.early or topic.doubted:
                await asyncio.sleep(PATIENCE_SECONDS)

    async def _heal(self, topic: Topic) -> None:
        """Brings the topic up to its source. Raises what the source raises."""
        topic.doubted = False
        topic.early.clear()  # all that was announced is committed: the source has it
        newest = (await self._source.heads([topic.name])).get(topic.name)
        if newest is None:
            return
        if topic.head is None:
            topic.start_at(newest)
        elif newest - topic.head > TOO_FAR:
            self._skip_to(topic, newest)
        while topic.head is not None and topic.head < newest:
            page = await self._source.changes(topic.name, topic.head, PAGE)
            for seq, html in page:
                topic.emit(seq, self.wire.change(seq, html))
            if not page:
                break
        topic.forget_the_early()
        topic.send_what_is_due()

    def _skip_to(self, topic: Topic, newest: int) -> None:
        topic.start_at(newest)
        for listener in tuple(topic.listeners):
            listener.cursor = newest
            listener.push(self.wire.reset(newest))

    async def _tick(self) -> None:
        """I10: a lost announcement is found by comparing heads, faster while the bus is down."""
        compared = pinged = self._loop.time()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = self._loop.time()
            if not self.bus.connected or now - compared >= HEADS_SECONDS - POLL_SECONDS / 2:
                compared = now
                await self._compare_heads()
            if now - pinged >= PING_SECONDS - POLL_SECONDS / 2:
                pinged = now
                self._ping_all()

    async def _compare_heads(self) -> None:
        try:
            heads = await self._source.heads([name for name, topic in self._topics.items() if topic.head is not None])
            behind = [
                topic for name, head in heads.items() if (topic := self._topics.get(name)) and head > (topic.head or 0)
            ]
            for topic in behind:
                self._doubt(topic)
        except Exception as error:
            log.warning("heads not compared: %s", error)

    def _ping_all(self) -> None:
        for topic in self._topics.values():
            if topic.head is not None:
                topic.signal(self.wire.ping(topic.head))
        for listener in self._hears.keys() - self._follows.keys():
            listener.push(self.wire.ping(0))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
