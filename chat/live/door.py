"""A door for people who are known already: the question that Django's view answers, put for many at once.

Opening a stream costs a whole request of Django's, and after a restart all come back in the same seconds. Here the
session cookie is enough: what it stands for is read from Postgres, and so is always true. In every doubt (no cookie, no
such session, not a member, a way through Pushpin) there is no answer, and Django is asked.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

from chat.accounts.sessions import SessionStore
from chat.live.batch import Batch
from chat.live.channels import ROOM, signals
from chat.live.seats import Claim, Rights
from chat.live.source import Postgres
from chat.live.ticket import Ticket, position
from chat.stream.serve import Scope

PATH = re.compile(r"/(?:rooms/(?P<room>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/)?stream/")


class Door:
    def __init__(self, source: Postgres) -> None:
        self._batch = Batch[str, dict[str, tuple[Claim, set[UUID]]]](lambda keys: source.run(lambda: _known(keys)))

    async def ticket(self, scope: Scope) -> Ticket | None:
        """The ticket for a stream, None if Django has to be asked. Raises what reading raises."""
        headers = {name: value.decode("latin1") for name, value in scope["headers"]}
        path = PATH.fullmatch(scope["path"])
        key = _session_key(headers)
        host, _ = split_domain_port(headers.get(b"host", ""))
        if not validate_host(host, settings.ALLOWED_HOSTS):
            return None
        if scope["method"] != "GET" or path is None or key is None or b"grip-sig" in headers:
            return None
        known = (await self._batch.ask(key)).get(key)
        if known is None:
            return None
        claim, rooms = known
        topics = {f"{ROOM}{path['room']}"} if path["room"] else set()
        if path["room"] and UUID(path["room"]) not in rooms:
            return None
        after = parse_qs(scope["query_string"].decode("ascii", "replace")).get("after", [""])[-1]
        return Ticket(
            user_id=claim.user_id,
            session_key=key,
            auth_hash=claim.auth_hash,
            channels=sorted(topics | signals(rooms, next(iter(topics), None))),
            after=position(headers.get(b"last-event-id"), after),
        )


def _session_key(headers: Mapping[bytes, str]) -> str | None:
    cookies = parse_cookie(headers.get(b"cookie", ""))
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    return key if SessionStore.is_key(key) else None


def _known(keys: Collection[str]) -> dict[str, tuple[Claim, set[UUID]]]:
    """By session key: who it is, and their rooms. Left out is whoever Django would not let in."""
    claims = []
    store = SessionStore()
    for session in Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()):
        facts = store.decode(session.session_data)
        if facts.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS:
            claims.append(Claim(session.session_key, int(facts[SESSION_KEY]), facts.get(HASH_SESSION_KEY, "")))
    rights = Rights.read(claims)
    return {claim.session_key: (claim, rights.rooms[claim.user_id]) for claim in claims if rights.hold(claim)}
