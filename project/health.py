"""For load balancers and supervisors: does the process live, and can it work?"""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    states = {"postgres": _postgres(), "redis": _redis()}
    if "madang.bus" in request.META:  # only where streams are held
        states["bus"] = request.META["madang.bus"] == "ok"
    text = "".join(f"{name} {'ok' if ok else 'away'}\n" for name, ok in states.items())
    return HttpResponse(text, status=200 if all(states.values()) else 503, content_type="text/plain")


def _postgres() -> bool:
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
