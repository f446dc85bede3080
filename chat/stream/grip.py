"""Tells Pushpins what has changed, where some hold the browsers' sockets (GRIP, https://pushpin.org/docs/protocols/grip/).

A change goes to its topic's channel with its seq as id and the seq before as prev-id: Pushpin puts concurrent
publishers in order, and a stream that missed one asks Django for it. Signals go to a channel beside it, for an item
without an id would count as a gap there. A hint has streams ask Django again: everything, permission included.
"""

import functools
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django_eventstream.utils import sse_encode_event
from gripcontrol import HttpStreamFormat, parse_grip_uri
from pubcontrol import Item, PubControlClient
from requests.adapters import HTTPAdapter

from chat.stream.bus import CONTROL
from chat.stream.wire import Envelope, Wire

log = logging.getLogger("madang.stream")

LEASE_SECONDS = GROUPS = 30
"""How often each stream asks Django again: each second another group."""
MOST_WAITING = 2000
BATCH_LETTERS = 400_000
SEND_SECONDS = 0.5
PAUSE_SECONDS = 1
ATTEMPTS = 10


def signals_of(topic: str) -> str:
    """The channel of a topic's signals."""
    return f"signals:{topic}"


def group_of(number: int) -> str:
    """The channel on which streams are told to ask again: with those of the same group, for a channel that nobody else
    follows costs Pushpin a request when it is first followed, and it allows itself ten of those a second."""
    return f"group:{number % GROUPS}"


def publish(news: Iterable[tuple[str, Envelope]]) -> None:
    """Returns at once: with a Pushpin away what is published waits a little, then is given up and found by asking."""
    if not settings.GRIP_URLS:
        return
    packed = [_pack(channel, item) for topic, envelope in news for channel, item in _items(topic, envelope)]
    for pushpin in pushpins(*settings.GRIP_URLS):
        pushpin.send(packed)


@functools.cache
def pushpins(*urls: str) -> tuple["Pushpin", ...]:
    """Those of these addresses, each with a thread that sends from now on."""
    return tuple(map(Pushpin, urls))


@functools.cache
def wire() -> Wire:
    """The frames as the streams of this house write them."""
    return Wire(sse_encode_event)


class Pushpin:
    """One Pushpin: what is to be sent to it, and the thread that does. It also sees to it that leases end."""

    def __init__(self, url: str) -> None:
        self._name, _, _ = url.partition("?")
        config = parse_grip_uri(url)
        claim = {"iss": config["control_iss"]} if "control_iss" in config else None
        self._client = PubControlClient(config["control_uri"], claim, config.get("key"))
        for scheme in ("http://", "https://"):
            self._client.requests_session.mount(scheme, _InTime())
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._news = threading.Event()
        self._closed = threading.Event()
        self._is_there = True
        threading.Thread(target=self._run, name="pushpin", daemon=True).start()

    def send(self, items: Iterable[str]) -> None:
        """Soon. If too many wait already, the oldest are given up."""
        self._waiting.extend(items)
        self._news.set()

    def close(self) -> None:
        """Gives up what waits, and ends the thread."""
        self._closed.set()

    def _run(self) -> None:
        second = int(time.time())
        while not self._closed.is_set():
            self._news.wait(1)
            self._news.clear()
            if (now := int(time.time())) != second:
                second = now
                self._waiting.append(_lease_ends(second))
            while self._waiting and not self._closed.is_set():
                self._deliver(self._batch())

    def _batch(self) -> list[str]:
        batch = [self._waiting.popleft()]
        size = len(batch[0])
        while self._waiting and size < BATCH_LETTERS:
            batch.append(self._waiting.popleft())
            size += len(batch[-1])
        return batch

    def _deliver(self, batch: list[str]) -> None:
        body = f'{{"items": [{",".join(batch)}]}}'.encode()
        for _ in range(ATTEMPTS):
            try:
                self._client.http_call("/publish/", body, {"Content-Type": "application/json"})
            except ValueError as error:  # pubcontrol makes one of whatever it was
                if self._is_there:
                    log.warning("Pushpin at %s is away: %s", self._name, error)
                self._is_there = False
                if self._closed.wait(PAUSE_SECONDS):
                    return
            else:
                if not self._is_there:
                    log.info("Pushpin at %s is there again", self._name)
                self._is_there = True
                return


class _InTime(HTTPAdapter):
    """pubcontrol waits for ever by itself."""

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        return super().send(request, **options | {"timeout": SEND_SECONDS})


def _items(topic: str, news: Envelope) -> Iterable[tuple[str, Item]]:
    """Pushpin's channels and what goes there."""
    hint = HttpStreamFormat(action="hint")
    if topic == CONTROL:
        yield group_of(int(news.data)), Item(hint)
    elif not news.seq:
        yield signals_of(topic), Item(HttpStreamFormat(_text(wire().signal(news.event, news.data))))
    elif news.data:
        frame = HttpStreamFormat(_text(wire().change(news.seq, news.data)))
        yield topic, Item(frame, id=str(news.seq), prev_id=str(news.seq - 1))
    else:  # many changes at once were only counted
        yield signals_of(topic), Item(hint)


def _lease_ends(second: int) -> str:
    # Every process says so; the same id a second time goes nowhere.
    return _pack(group_of(second), Item(HttpStreamFormat(action="hint"), id=str(second // LEASE_SECONDS)))


def _pack(channel: str, item: Item) -> str:
    return json.dumps(item.export() | {"channel": channel}, ensure_ascii=False)


def _text(frame: bytes) -> str:
    return frame.decode()
