"""How fast one person may post, and what happens when nobody can count."""

import time
import uuid
from types import SimpleNamespace

import pytest
from django.test import override_settings

from chat.messages.models import Message
from tests.conftest import Browser, Cast

pytestmark = pytest.mark.django_db


def posts(browser: Browser, cast: Cast, count: int) -> list[int]:
    answers = [
        browser.post(f"/rooms/{cast.room.pk}/messages/", {"text": "again", "client_mid": str(uuid.uuid4())})
        for _ in range(count)
    ]
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer["Retry-After"]) <= 60
            assert answer.text
    return [answer.status_code for answer in answers]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The limit's clock stands still until a test moves it."""
    clock = SimpleNamespace(now=time.time())
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: clock.now))
    return clock


def test_too_fast_is_answered_429_with_retry_after(cast: Cast, clock: SimpleNamespace) -> None:
    alice, bob = Browser(cast.alice), Browser(cast.bob)
    assert posts(alice, cast, 7) == [201] * 5 + [429] * 2
    assert Message.objects.count() == 5
    assert posts(bob, cast, 1) == [201], "bob has a limit of his own"
    clock.now += 1
    assert posts(alice, cast, 1) == [201]


def test_a_hundred_a_minute(cast: Cast, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.messages.limits.RATES", ("100/m",))
    alice = Browser(cast.alice)
    assert posts(alice, cast, 101) == [201] * 100 + [429]
    clock.now += 60
    assert posts(alice, cast, 1) == [201]


LIMITS_AWAY = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "limits": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
    },
}


@override_settings(CACHES=LIMITS_AWAY, REDIS_URL="redis://127.0.0.1:1/0")
def test_posts_pass_when_redis_is_away(cast: Cast) -> None:
    assert posts(Browser(cast.alice), cast, 12) == [201] * 12
