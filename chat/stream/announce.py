"""Tells every process what has changed, once it is committed."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from chat.stream import grip, shards
from chat.stream.breaker import REDIS
from chat.stream.bus import channel
from chat.stream.wire import Envelope

log = logging.getLogger("madang.stream")


@dataclass(frozen=True, slots=True)
class News:
    """`render` makes the data, after the commit and once. `seq` is 0 for a signal, which has a name instead."""

    topic: str
    render: Callable[[], str]
    seq: int = 0
    event: str = ""


def announce(*news: News) -> None:
    """Publishes after the current transaction has committed, and never if it rolls back.

    With Redis away nothing is raised: what was committed stays committed, and the streams find it in Postgres.
    """
    transaction.on_commit(lambda: _publish(news), robust=True)


def _publish(news: tuple[News, ...]) -> None:
    envelopes = [(item.topic, Envelope(item.seq, item.event, item.render())) for item in news]
    grip.publish(envelopes)
    try:
        with REDIS:
            shards.publish(_redis(settings.REDIS_URL), [(channel(topic), item.pack()) for topic, item in envelopes])
    except redis.RedisError as error:
        log.warning("not announced, Redis is away: %s", error)


@functools.cache
def _redis(url: str) -> redis.Redis:
    # A connection that Redis closed is opened anew; one that hangs is given up, for a post waits for this.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    wait = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return redis.Redis.from_url(url, **wait, retry=retry, redis_connect_func=shards.ask)
