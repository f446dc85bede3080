"""Streams whose sockets a Pushpin holds: what it is told to hold, and how it asks again (GRIP).

A browser's request comes through Pushpin to the ordinary view and passes all that other requests pass. The answer
carries what was missed, the channels to follow, and a link at which Pushpin asks again, without the browser's headers:
the link holds the sealed session instead, and is answered by the same view.
"""

import base64
import re
import secrets
from collections.abc import Callable
from random import randint
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django_eventstream.utils import get_channelmanager, get_storage
from gripcontrol import Channel, create_grip_channel_header, parse_grip_uri, validate_sig

from chat.live.channels import ROOM
from chat.live.ticket import position
from chat.stream.grip import LEASE_SECONDS, group_of, pushpins, signals_of, wire
from chat.stream.hub import PING_SECONDS, TOO_FAR
from chat.stream.serve import RETRY_MS

MARK = "madang.pushpin"
LINK = re.compile("/held/([^/]{1,400})(/.*)")
"""In the path: Pushpin gives streams one answer whose links differ in their queries alone."""
LINK_SECONDS = 3600
"""How long a link opens the stream it was made for. Each answer carries a new one."""
UNTOLD_SECONDS = LEASE_SECONDS + 15
"""When Pushpin asks by itself, should nobody have told it to. It does so for ten streams a second and no more."""
PAGE = 200
REFUSALS = {401: "signed-out", 404: "removed"}
SALT = "chat.live.grip"


class ThroughPushpin:
    """Middleware: knows the requests that a Pushpin signed, and takes the session out of its links."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.GRIP_URLS:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._keys = [parse_grip_uri(url)["key"] for url in settings.GRIP_URLS]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        signature = request.headers.get("Grip-Sig")
        if not signature or not any(validate_sig(signature, key) for key in self._keys):
            return self._get_response(request)
        request.META[MARK] = True
        link = LINK.fullmatch(request.path_info)
        if not link:
            return self._get_response(request)
        request.COOKIES[settings.SESSION_COOKIE_NAME] = _unsealed(link[1], link[2])
        request.path = request.path_info = link[2]
        response = self._get_response(request)
        if response.status_code in REFUSALS:  # Pushpin would only ask again, and leave the stream open meanwhile
            return _event_stream(wire().closed(REFUSALS[response.status_code]))
        return response


def is_through_pushpin(request: HttpRequest) -> bool:
    return MARK in request.META


def hold(request: HttpRequest, room_id: UUID | None, head: int) -> HttpResponse:
    """What was missed, then what is to be held. Who missed more than a page is held when all pages are read."""
    pushpins(*settings.GRIP_URLS)
    channels = sorted(get_channelmanager().get_channels_for_request(request, {"room_id": room_id}))
    topic = next((channel for channel in channels if channel.startswith(ROOM)), None)
    asked_again = _last_id(request, topic)
    after = position(asked_again, request.headers.get("Last-Event-ID"), request.GET.get("after"))
    frames, cursor, is_all = _replay(topic, after, head)
    assert request.user.pk is not None
    assert request.session.session_key
    link = f"/held/{_sealed(request.session.session_key, request.path)}{request.path}"
    if is_all and asked_again is None:
        frames += wire().ping(cursor, randint(*RETRY_MS))  # noqa: S311  # so that not all come back at once
    response = _event_stream(frames)
    if is_all:
        ping = base64.b64encode(wire().ping(cursor)).decode()
        response["Grip-Hold"] = "stream"
        response["Grip-Keep-Alive"] = f"{ping}; format=base64; mode=interval; timeout={PING_SECONDS}"
        response["Grip-Channel"] = create_grip_channel_header(
            [
                *([Channel(topic, prev_id=str(cursor))] if topic else ()),
                *map(Channel, map(signals_of, channels)),
                Channel(group_of(request.user.pk)),
            ]
        )
    else:
        link += f"?after={cursor}"
    response["Grip-Link"] = f"<{link}>; rel=next; timeout={UNTOLD_SECONDS}"
    return response


def _replay(topic: str | None, after: int | None, head: int) -> tuple[bytes, int, bool]:
    """The frames, the seq they lead to, and whether that is all there is."""
    if topic is None or after is None or after == head:
        return b"", head, True
    if after > head or head - after > TOO_FAR:
        return wire().reset(head), head, True
    events = get_storage().get_events(topic, after, PAGE)
    frames = b"".join(wire().change(event.id, event.data) for event in events)
    if len(events) == PAGE:
        return frames, events[-1].id, False
    return frames, max([head, *(event.id for event in events)]), True


def _last_id(request: HttpRequest, topic: str | None) -> str | None:
    """Where a stream is, as Pushpin says when it asks again."""
    match = re.search(rf"{re.escape(topic or '-')}\s*;\s*last-id=([^\s,;]+)", request.headers.get("Grip-Last", ""))
    return match[1] if match else None


def _event_stream(frames: bytes) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Cross-Origin-Resource-Policy": "same-origin"}
    return HttpResponse(frames, content_type="text/event-stream; charset=utf-8", headers=headers)


def _sealed(session_key: str, path: str) -> str:
    """A session's key for the link to one path. Pushpin logs links, so it is encrypted (a pad used once) and signed."""
    nonce = secrets.token_hex(16)
    return signing.dumps([nonce, _padded(session_key.encode(), nonce).hex()], salt=SALT + path)


def _unsealed(link: str, path: str) -> str:
    """The session's key, empty if the link is not ours, of another path or too old."""
    try:
        nonce, sealed = signing.loads(link, salt=SALT + path, max_age=LINK_SECONDS)
    except signing.BadSignature:
        return ""
    return _padded(bytes.fromhex(sealed), nonce).decode()


def _padded(text: bytes, nonce: str) -> bytes:
    pad = salted_hmac(SALT, nonce, algorithm="sha256").digest()
    return bytes(letter ^ mask for letter, mask in zip(text, pad, strict=True))
