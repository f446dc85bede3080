# ruff: noqa: S311  # nothing here is a secret
"""One tab that follows a room: connects, reconnects and starts afresh as the page's own script does."""

import asyncio
import json
import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.history import Observer, Opened, Page, Pinged, Row, Seen
from tests.faults.http1 import Broken, Event, Events, Response, get, get_whole
from tests.sse import Frame

CONNECT_SECONDS = 10
LONGEST_PAUSE = 2.0
PAGE = 50
ARTICLE = re.compile(
    rb'<article id="([^"]+)"(?=[^>]* data-seq="(\d+)")(?=[^>]* data-changed="(\d+)").*?</article>', re.DOTALL
)


def rows(html: bytes) -> list[Row]:
    """The messages of a page or of a frame."""
    return [Row(m[1].decode(), int(m[2]), int(m[3]), hash(m[0])) for m in ARTICLE.finditer(html)]


@dataclass(slots=True)
class Kept:
    """A stale page, and the frames since: what `assert_replay_equals_reload` wants."""

    page: str = ""
    frames: list[Frame] = field(default_factory=list)


class Browser:
    def __init__(
        self, observer: Observer, session: str, room: str, streams: Sequence[str], webs: Sequence[str]
    ) -> None:
        """The first of `streams` is where it starts; where that fails it goes to any other, as a proxy would."""
        self.observer = observer
        self.session = session
        self.cursor = 0
        self.connects = 0
        self.resets = 0
        self.open = False
        self.ended = ""
        """The reason, when it must not come back."""
        self.kept: Kept | None = None
        self.connect_delay = 0.0
        self._room = room
        self._streams = list(streams)
        self._webs = list(webs)
        self._after = 0
        self._retry = 1.0
        self._failures = 0

    def begin_at(self, seq: int) -> None:
        """As someone who has just read the page, of which nothing is kept."""
        self._after = self.cursor = seq
        self.observer.log.append(Page(time.time(), seq, (), whole=False))

    async def run(self) -> None:
        """Follows until it is sent away for good, or cancelled."""
        await asyncio.sleep(self.connect_delay)
        while not self.ended:
            try:
                await self._follow()
                self._failures = 0
            except (OSError, TimeoutError, Broken):
                self._failures += 1
                random.shuffle(self._streams)
            self.open = False
            if not self.ended:
                pause = min(LONGEST_PAUSE, self._retry if not self._failures else 0.25 * 2**self._failures)
                await asyncio.sleep(pause * random.uniform(0.5, 1))

    async def _follow(self) -> None:
        after = self.cursor
        headers = {"Cookie": f"sessionid={self.session}", "Accept": "text/event-stream"}
        if self.connects:
            headers["Last-Event-ID"] = str(after)
        response = await get(
            self._streams[0], f"/rooms/{self._room}/stream/?after={self._after}", headers, CONNECT_SECONDS
        )
        try:
            if response.status in {401, 403, 404}:
                self.ended = str(response.status)
            elif response.status != 200:
                raise Broken(response.status)
            else:
                self.connects += 1
                self.observer.log.append(Opened(time.time(), after))
                await self._read(response)
        finally:
            response.close()

    async def _read(self, response: Response) -> None:
        events = Events()
        async for piece in response.pieces():
            for event in events.feed(piece):
                await self._take(event)
            self._retry = (events.retry_ms or 1000) / 1000

    async def _take(self, event: Event) -> None:
        now = time.time()
        if self.kept is not None:
            self.kept.frames.append(Frame(event.id, event.name, event.data.decode()))
        if event.id is not None:
            self.cursor = max(self.cursor, event.id)
            for row in rows(event.data):
                article = row.article if row.seq == event.id else f"{row.article} of {row.seq}"
                self.observer.log.append(Seen(now, event.id, article, row.place, row.digest))
        elif event.name == "ping":
            self._take_ping(now, json.loads(event.data)["seq"])
        elif event.name == "reset":
            await self._reload(json.loads(event.data)["seq"])
        elif event.name == "closed":
            facts = json.loads(event.data)
            if facts["reason"] != "drain":
                self.ended = facts["reason"]

    def _take_ping(self, now: float, seq: int) -> None:
        self.open = True
        self.observer.log.append(Pinged(now, seq))

    async def _reload(self, seq: int) -> None:
        self.resets += 1
        path = f"/rooms/{self._room}/messages/?limit={PAGE}"
        while True:
            with suppress(OSError, TimeoutError, Broken):
                status, page = await get_whole(random.choice(self._webs), path, self.session)
                if status == 200:
                    break
            await asyncio.sleep(random.uniform(0.2, 1))
        shown = tuple(rows(page))
        self.observer.log.append(Page(time.time(), seq, shown, whole=len(shown) < PAGE))
        self.cursor = max(self.cursor, seq)
        if self.kept is not None:
            self.kept = Kept(page.decode())
