"""The proxy does to a link what it says, so that the faults it makes are real."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.faults.engines import Killable, own_redis
from tests.faults.proxy import Link, Proxy


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    with own_redis(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def proxy(engine: Killable) -> Iterator[Proxy]:
    with Proxy(engine.engine.socket) as proxy:
        yield proxy


def client(proxy: Proxy) -> "redis.Redis":
    return redis.Redis.from_url(
        proxy.url, socket_timeout=0.3, retry=Retry(NoBackoff(), 0), single_connection_client=True
    )


def test_an_open_link_carries(proxy: Proxy) -> None:
    with client(proxy) as one:
        assert one.set("key", "x" * 300_000)
        assert len(one.get("key") or b"") == 300_000


def test_a_refused_link_ends_those_there_are_and_lets_nobody_in(proxy: Proxy) -> None:
    with client(proxy) as one:
        proxy.set(Link.REFUSED)
        with pytest.raises(redis.ConnectionError):
            one.ping()
        with pytest.raises(redis.ConnectionError, match="refused"):
            one.ping()
        proxy.set(Link.OPEN)
        assert one.ping()


def test_a_half_open_link_says_nothing_and_what_it_held_stays_dead(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as before, client(proxy) as later:
        before.sendall(b"PING\r\n")
        assert before.recv(100) == b"+PONG\r\n"
        proxy.set(Link.HALF_OPEN)
        with pytest.raises(redis.TimeoutError):
            later.ping()
        proxy.set(Link.OPEN)
        assert later.ping()
        before.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            before.recv(100)


def test_a_slow_link_takes_its_time(proxy: Proxy) -> None:
    with client(proxy) as one:
        assert one.ping()
        proxy.delay = 0.1
        begun = time.monotonic()
        assert one.ping()
        assert time.monotonic() - begun >= 0.2


def test_a_killed_engine_is_away_until_it_is_started(engine: Killable, proxy: Proxy, tmp_path: Path) -> None:
    with client(proxy) as one:
        assert one.ping()
        engine.kill()
        with pytest.raises(redis.ConnectionError):
            one.ping()
        engine.start()
        assert one.ping()
