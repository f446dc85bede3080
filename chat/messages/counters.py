"""The counters of django-ratelimit in Redis, one round trip each: as much of Django's cache interface as it uses."""

import functools
from typing import Any

import redis
from django.core.cache.backends.base import BaseCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from chat.stream.breaker import REDIS


class Counters(BaseCache):
    """A cache backend whose LOCATION is a Redis URL. Raises redis.RedisError."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._location = location

    def add(self, key: str, value: int, timeout: Any = None, version: int | None = None) -> bool:
        """Starts a counter for `timeout` seconds, unless it runs."""
        with REDIS:
            return bool(_redis(self._location).set(key, value, ex=timeout, nx=True))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Counts on. django-ratelimit starts its counters for longer than it counts on them."""
        with REDIS:
            return int(_redis(self._location).incr(key, delta))


@functools.cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
