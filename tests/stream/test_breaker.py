"""A Redis that hangs costs one request its patience, not every request."""

import uuid

import pytest
import redis
from django.conf import settings

from chat.messages.actions import post_message
from chat.stream import breaker as breaker_module
from chat.stream.breaker import Breaker
from tests.conftest import Announced, Cast


def new() -> Breaker:
    return Breaker(trips_on=redis.TimeoutError, refusal=redis.ConnectionError("away"))


def hang(breaker: Breaker) -> None:
    with pytest.raises(redis.TimeoutError), breaker:
        raise redis.TimeoutError


def test_after_a_timeout_it_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = new()
    with breaker:
        pass
    hang(breaker)
    with pytest.raises(redis.ConnectionError), breaker:
        raise AssertionError("it was asked")


def test_one_may_try_again_and_then_all(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = new()
    monkeypatch.setattr(breaker_module, "PAUSE_SECONDS", 0)
    hang(breaker)
    monkeypatch.setattr(breaker_module, "PAUSE_SECONDS", 60)
    with breaker, pytest.raises(redis.ConnectionError), breaker:
        raise AssertionError("a second one asked while the first one was waiting")
    with breaker:
        pass


@pytest.mark.django_db(transaction=True)
def test_a_post_passes_without_it(cast: Cast, announced: Announced, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = new()
    hang(hanging)
    monkeypatch.setattr("chat.stream.announce.REDIS", hanging)
    assert post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text="안녕").message.seq == 1
    monkeypatch.undo()
    assert announced.nothing()


def test_a_redis_that_was_away_is_asked_again_at_once() -> None:
    breaker = new()
    with pytest.raises(redis.ConnectionError), breaker:
        raise redis.ConnectionError
    with breaker, redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.ping()
