"""How fast one person may post in one room. Counted by django-ratelimit in Redis."""

import logging
import uuid

from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError

RATES = ("5/s", "100/m")

log = logging.getLogger("madang.limits")


def too_fast(request: HttpRequest, room_id: uuid.UUID) -> int | None:
    """Counts this post. Returns the seconds to wait when it is one too many, and None when it may pass.

    Posts pass when Redis is away: a limit must not stop a conversation.
    """
    waits = []
    try:
        for rate in RATES:
            usage = get_usage(
                request,
                group="post",
                key=lambda _group, _request: f"{request.user.pk}:{room_id}",
                rate=rate,
                increment=True,
            )
            if usage and usage["should_limit"]:
                waits.append(max(1, usage["time_left"]))
    except RedisError as error:
        log.warning("posts are not counted, Redis is away: %s", error)
        return None
    return max(waits, default=None)
