"""How fast one person may post, and what happens when nobody can count."""

import uuid

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


def test_too_fast_is_answered_429_with_retry_after(cast: Cast) -> None:
    alice, bob = Browser(cast.alice), Browser(cast.bob)
    statuses = posts(alice, cast, 12)  # within two clock seconds at most 10 may pass
    assert 429 in statuses
    assert 5 <= statuses.count(201) <= 10
    assert Message.objects.count() == statuses.count(201)
    assert posts(bob, cast, 1) == [201], "bob has a limit of his own"


def test_a_hundred_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.messages.limits.RATES", ("100/m",))
    statuses = posts(Browser(cast.alice), cast, 201)
    assert 429 in statuses
    assert 100 <= statuses.count(201) <= 200  # a minute may end in between


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
