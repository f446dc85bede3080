"""A listener as strict as the HTML standard, and a timeline that does with its frames what a browser does."""

import http.client
import json
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chat.accounts.actions import open_session
from chat.accounts.models import User

WAIT_SECONDS = 15


@dataclass(frozen=True)
class Frame:
    id: int | None
    event: str
    data: str

    @property
    def facts(self) -> Any:
        return json.loads(self.data)


class Listener:
    """Follows a stream in a thread of its own until it is closed or cut off."""

    def __init__(self, url: str, person: User, last_event_id: object = None, session: str = "") -> None:
        self.frames: list[Frame] = []
        self.ended = False
        self._news = threading.Condition()
        address = urlsplit(url)
        self._connection = _connection(str(address.hostname), address.port, secure=address.scheme == "https")
        headers = {"Cookie": f"sessionid={session or open_session(person=person)}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        self._connection.request("GET", f"{address.path}?{address.query}", headers=headers)
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def changes(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.id is not None]

    @property
    def ids(self) -> list[int]:
        return [frame.id for frame in self.frames if frame.id is not None]

    def named(self, event: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.event == event]

    def wait(self, condition: Any, seconds: float = WAIT_SECONDS) -> "Listener":
        """Waits for the condition on this listener, given to it."""
        with self._news:
            assert self._news.wait_for(lambda: condition(self), seconds), f"after {seconds} s: {self.frames[-5:]}"
        return self

    def wait_open(self, seconds: float = WAIT_SECONDS) -> "Listener":
        return self.wait(lambda listener: listener.named("ping"), seconds)

    def wait_id(self, seq: int, seconds: float = WAIT_SECONDS) -> "Listener":
        return self.wait(lambda listener: listener.ids and listener.ids[-1] >= seq, seconds)

    def close(self) -> None:
        """Cuts the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _follow(self) -> None:
        fields: dict[str, list[str]] = {}
        with suppress(http.client.HTTPException, OSError):  # cut off
            while line := self.response.readline().decode():
                if line != "\n":
                    name, _, value = line.rstrip("\n").partition(":")
                    fields.setdefault(name, []).append(value.removeprefix(" "))
                elif fields:
                    self._take(fields)
                    fields = {}
        self.response.close()
        self._connection.close()
        with self._news:
            self.ended = True
            self._news.notify_all()

    def _take(self, fields: dict[str, list[str]]) -> None:
        seq = fields.get("id", [""])[-1]
        frame = Frame(int(seq) if seq else None, fields.get("event", [""])[-1], "\n".join(fields.get("data", [])))
        with self._news:
            self.frames.append(frame)
            self._news.notify_all()


def _connection(host: str, port: int | None, *, secure: bool) -> http.client.HTTPConnection:
    if not secure:
        return http.client.HTTPConnection(host, port, timeout=30)
    anybody = ssl._create_unverified_context()  # noqa: S323  # a test's proxy signs its own certificate
    return http.client.HTTPSConnection(host, port, timeout=30, context=anybody)


class Timeline:
    """Articles by their ids, in the order of their seqs; a newer version replaces an older one."""

    ARTICLE = re.compile(r'<article id="(?P<id>[^"]+)"(?P<rest>.*?)</article>', re.DOTALL)

    def __init__(self, html: str = "") -> None:
        self.articles: dict[str, tuple[int, int, str]] = {}
        self.take(html)

    def take(self, html: str) -> None:
        for match in self.ARTICLE.finditer(html):
            seq, changed = (int(re.search(rf'{name}="(\d+)"', match[0])[1]) for name in ("data-seq", "data-changed"))
            known = self.articles.get(match["id"])
            if known is None or known[1] < changed:
                self.articles[match["id"]] = (seq, changed, match[0])

    @property
    def html(self) -> list[str]:
        return [html for _, _, html in sorted(self.articles.values())]


def assert_replay_equals_reload(before: str, frames: list[Frame], fresh: str) -> None:
    """A stale page and all that its stream brought equal a fresh page."""
    timeline = Timeline(before)
    for frame in frames:
        timeline.take(frame.data)
    assert timeline.html == Timeline(fresh).html
