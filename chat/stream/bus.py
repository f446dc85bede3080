"""Redis between the processes: one channel per topic, subscribed only while someone here listens.

Pub/sub forgets: whatever was published while this process was not subscribed is lost. So every confirmed
subscription, the first as well as each one after a broken link, is reported as a possible gap.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.stream.shards import has_shards

log = logging.getLogger("madang.stream")

PING_SECONDS = 5
SILENCE_SECONDS = 15
PAUSE_SECONDS = (0.1, 0.2, 0.5, 1, 2)
CONTROL = "control"
PREFIX = "madang."

Command = Callable[..., Awaitable[None]]


def channel(topic: str) -> str:
    """The Redis channel of a topic."""
    return PREFIX + topic


class Bus:
    """The supervised listener. `on_message(topic, payload)` and `on_gap(topic)` are called in the event loop."""

    def __init__(self, url: str, on_message: Callable[[str, bytes], None], on_gap: Callable[[str], None]) -> None:
        self.connected = False
        self._url = url
        self._on_message = on_message
        self._on_gap = on_gap
        self._topics = {CONTROL}
        self._changed = asyncio.Event()

    def subscribe(self, topic: str) -> None:
        """Returns at once; the gap report says when the subscription stands."""
        self._topics.add(topic)
        self._changed.set()

    def unsubscribe(self, topic: str) -> None:
        """Returns at once; a message or two may still come."""
        self._topics.discard(topic)
        self._changed.set()

    async def run(self) -> None:
        """Listens until cancelled, and comes back by itself after every kind of failure."""
        failures = 0
        while True:
            try:
                await self._listen()
            except Exception as error:
                if self.connected:
                    failures = 0
                log.warning("the bus lost Redis: %s", _cause(error))
            finally:
                self.connected = False
            pause = PAUSE_SECONDS[min(failures, len(PAUSE_SECONDS) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # keeps processes apart

    async def _listen(self) -> None:
        # No retries inside redis-py: it would subscribe again silently, and a gap must be seen. No socket_timeout: it
        # uses asyncio.wait_for, which can lose a cancellation in Python 3.11; our own deadlines are below.
        retry = Retry(NoBackoff(), 0)
        client = redis.Redis.from_url(self._url, socket_connect_timeout=3, socket_timeout=None, retry=retry)
        async with client, client.pubsub() as pubsub, asyncio.TaskGroup() as tasks:
            async with asyncio.timeout(SILENCE_SECONDS):
                await pubsub.connect()
                shards = await has_shards(pubsub.connection)
                subscribe, unsubscribe = _commands(pubsub, shards=shards)
                await subscribe(channel(CONTROL))
            self.connected = True
            self._changed.set()
            tasks.create_task(self._keep_subscribed(pubsub, subscribe, unsubscribe))
            tasks.create_task(self._read(pubsub))

    async def _keep_subscribed(self, pubsub: Any, subscribe: Command, unsubscribe: Command) -> None:
        subscribed = {CONTROL}
        while True:
            self._changed.clear()
            if new := self._topics - subscribed:
                await subscribe(*map(channel, new))
            if old := subscribed - self._topics:
                await unsubscribe(*map(channel, old))
            subscribed = (subscribed | new) - old
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await pubsub.ping()

    async def _read(self, pubsub: Any) -> None:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):  # our pings are answered: silence is a dead link
                message = await pubsub.get_message(timeout=None)
            if message is None or message["channel"] is None:
                continue
            topic = message["channel"].decode().removeprefix(PREFIX)
            if message["type"] in {"subscribe", "ssubscribe"}:
                self._on_gap(topic)
            elif message["type"] in {"message", "smessage"}:
                self._on_message(topic, message["data"])


def _commands(pubsub: Any, *, shards: bool) -> tuple[Command, Command]:
    return (pubsub.ssubscribe, pubsub.sunsubscribe) if shards else (pubsub.subscribe, pubsub.unsubscribe)


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
