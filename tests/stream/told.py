"""Tests that are coroutines, and a look at who subscribes."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import ParamSpec

import redis
from django.conf import settings

from chat.stream.bus import channel

P = ParamSpec("P")


def told(story: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    @functools.wraps(story)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return test


def subscribers(topic: str) -> int:
    """How many processes have subscribed to this topic, by either kind of pub/sub."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        count = int(client.pubsub_numsub(channel(topic))[0][1])
        with suppress(redis.ResponseError):  # Redis 6 has no shards
            count += int(client.execute_command("PUBSUB", "SHARDNUMSUB", channel(topic))[1])
        return count
