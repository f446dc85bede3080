"""One room, those who write in it and those who watch, while something is done to the house; then the comparison."""

import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from chat.accounts.actions import create_people, open_session
from chat.accounts.models import User
from chat.messages.models import Message
from chat.rooms.actions import add_members, create_room
from chat.rooms.models import Room
from tests.faults.browser import Browser, Kept, rows
from tests.faults.crowd import Crowd
from tests.faults.history import Observer, Report, Row, Truth, check
from tests.faults.writer import Writer
from tests.processes import Process, eventually
from tests.sse import Timeline, assert_replay_equals_reload

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Profile:
    """How big a scene is: posts in a second, listeners, and processes."""

    rate: int
    listeners: int
    webs: int
    streams: int
    full: bool

    def seconds(self, full: float, short: float) -> float:
        return full if self.full else short


PROFILE = (
    Profile(rate=20, listeners=200, webs=2, streams=4, full=True)
    if os.environ.get("FAULTS") == "full"
    else Profile(rate=20, listeners=60, webs=2, streams=2, full=False)
)
"""FAULTS=full is what has to hold; otherwise a short one of the same kind."""


@dataclass(frozen=True, slots=True)
class House:
    web: Sequence[Process]
    stream: Sequence[Process]

    @property
    def processes(self) -> list[Process]:
        return [*self.web, *self.stream]


class Scene:
    """Browsers follow from its beginning; `write` and `settle` are up to the test."""

    def __init__(self, house: House, crowd: Crowd, profile: Profile) -> None:
        names = [f"p-{uuid.uuid4().hex[:12]}" for _ in range(profile.listeners + profile.rate)]
        people = create_people(names=names)
        self.house = house
        self.crowd = crowd
        self.profile = profile
        self.room = create_room(owner=people[0], name="마당")
        add_members(room=self.room, people=people[1:])
        self.writing, self.watching = people[: profile.rate], people[profile.rate :]
        self.webs = [each.address for each in house.web]
        self.streams = [each.address for each in house.stream]
        self.writers: list[Writer] = []
        self.browsers = [self.browser(person, number) for number, person in enumerate(self.watching)]
        for number, browser in enumerate(self.browsers):
            browser.connect_delay = number / 200  # people do not come all at once
            browser.kept = Kept() if number < SAMPLE else None

    def browser(self, person: User, number: int) -> Browser:
        """Someone's tab, which starts at the process that is due."""
        first = number % len(self.streams)
        streams = self.streams[first:] + self.streams[:first]
        observer = Observer(person.username)
        return Browser(observer, open_session(person=person), str(self.room.pk), streams, self.webs)

    def open(self) -> None:
        """Returns when all follow."""
        self.crowd.send(*(browser.run() for browser in self.browsers))
        eventually(lambda: all(browser.open for browser in self.browsers))

    def write(self, words: tuple[int, int] = (1, 60)) -> None:
        """Begins to write."""
        pause = len(self.writing) / self.profile.rate
        room = str(self.room.pk)
        self.writers = [
            Writer(open_session(person=person), room, self.webs, pause=pause, words=words) for person in self.writing
        ]
        self.crowd.send(*(writer.run() for writer in self.writers))

    def go_on(self, seconds: float) -> None:
        """Lets it go on like that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.crowd.raise_what_went_wrong()
            assert not (problems := [writer.problem for writer in self.writers if writer.problem]), problems
            time.sleep(0.1)

    def settle(self, seconds: float = 30) -> "Outcome":
        """Ends the writing, gives everyone the time to hear of it, and compares."""
        for writer in self.writers:
            writer.stopping = True
        eventually(lambda: all(writer.done for writer in self.writers), 60)
        self.go_on(0)
        head = Room.objects.heads([self.room.pk])[self.room.pk]
        begun = time.monotonic()
        while time.monotonic() < begun + seconds and self._late(head):
            time.sleep(0.02)
        settled = time.monotonic() - begun
        acts = [act for writer in self.writers for act in writer.acts]
        fresh = self._fresh_page()
        report = check(acts, [browser.observer for browser in self.browsers], self._truth(rows(fresh.encode()), head))
        outcome = Outcome(report, len(acts), settled, self.browsers, self.writers)
        if not report.anomalies:
            self._compare_samples(fresh)
        return outcome

    def _late(self, head: int) -> bool:
        return any(each.cursor < head for each in self.browsers if each.observer.removed is None)

    def _fresh_page(self) -> str:
        """Every message, page by page."""
        html, after = "", 0
        cookies = {"sessionid": open_session(person=self.writing[0])}
        with httpx.Client(cookies=cookies, timeout=30) as client:
            path = f"{self.webs[0]}/rooms/{self.room.pk}/messages/"
            while page := client.get(path, params={"after": after, "limit": 200}).raise_for_status().text:
                html += page
                after = max(row.place for row in rows(page.encode()))
        return html

    def _truth(self, fresh: list[Row], head: int) -> Truth:
        committed: dict[int, float] = {}
        stored = Message.objects.filter(room=self.room)
        for message in stored:
            committed[message.seq] = message.created_at.timestamp()
            if changed_at := message.deleted_at or message.edited_at:
                committed[message.changed_seq] = changed_at.timestamp()
        assert len(stored) == len(fresh)
        return Truth(fresh, head, committed)

    def _compare_samples(self, fresh: str) -> None:
        for browser in self.browsers:
            if (kept := browser.kept) and not browser.ended:
                first = min((seq for seq, _, _ in Timeline(kept.page).articles.values()), default=0)
                whole = "".join(html for seq, _, html in Timeline(fresh).articles.values() if seq >= first)
                assert_replay_equals_reload(kept.page, kept.frames, whole)


@dataclass(frozen=True, slots=True)
class Outcome:
    report: Report
    acts: int
    settled: float
    """Seconds until everyone had heard everything, or the time was over."""
    browsers: Sequence[Browser]
    writers: Sequence[Writer]

    @property
    def refusals(self) -> "Counter[str]":
        return sum((writer.refusals for writer in self.writers), Counter())

    @property
    def connects(self) -> int:
        return sum(browser.connects for browser in self.browsers)

    def say(self, name: str) -> None:
        """One line with the figures."""
        resets = sum(browser.resets for browser in self.browsers)
        slowest = max(writer.slowest for writer in self.writers)
        print(
            f"\n{name}: {self.report}; {self.acts} acts, refused {dict(self.refusals)}, slowest answer {slowest:.2f} s"
            f"; {len(self.browsers)} listeners, {self.connects} connects, {resets} resets, "
            f"settled in {self.settled:.2f} s"
        )

    def assert_nothing_is_wrong(self, *, stalest: float) -> None:
        """`stalest`: the most seconds that a change may take to its last observer."""
        anomalies = self.report.anomalies
        assert not anomalies, {
            name: (len(found), random.sample(found, min(3, len(found)))) for name, found in anomalies.items()
        }
        assert self.report.staleness
        assert self.report.percentile(1) <= stalest


@contextmanager
def scene(house: House, profile: Profile = PROFILE) -> Iterator[Scene]:
    """A room in which everyone listens."""
    with Crowd() as crowd:
        it = Scene(house, crowd, profile)
        it.open()
        yield it
