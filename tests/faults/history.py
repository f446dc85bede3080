"""What was acknowledged, what each observer saw and what Postgres holds in the end: do they agree?

In the manner of Jepsen's set-full and Maelstrom's Kafka workload, for a log whose entries may be changed again: who
is behind may be given the latest state alone. All times are seconds of one clock.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import inf

GRACE_SECONDS = 2
"""How long after a removal something that was under way may still arrive."""


@dataclass(frozen=True, slots=True)
class Act:
    """A post, an edit or a deletion that was answered 2xx, at last: `seq` and `place` are those of the answer."""

    article: str
    place: int
    seq: int
    began: float
    answered: float
    attempts: int = 1
    repeat: bool = False
    """The same post once more, on purpose."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message as it is stored in the end."""

    article: str
    place: int
    seq: int
    digest: int


@dataclass(frozen=True, slots=True)
class Truth:
    """The room in the end. `committed` has the time of those changes whose time is stored."""

    rows: Sequence[Row]
    last_seq: int
    committed: dict[int, float]


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream has begun; the position that was asked for."""

    at: float
    after: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A change as a frame brought it: `seq` is the frame's id."""

    at: float
    seq: int
    article: str
    place: int
    digest: int


@dataclass(frozen=True, slots=True)
class Pinged:
    at: float
    seq: int


@dataclass(frozen=True, slots=True)
class Page:
    """The newest messages, read afresh after a reset: they stand for all up to `seq`. What is older is not shown."""

    at: float
    seq: int
    shown: tuple[Row, ...]
    whole: bool
    """Whether there is nothing older than what is shown."""


Entry = Opened | Seen | Pinged | Page


@dataclass(slots=True)
class Observer:
    """What one browser was sent, in the order in which it came. `removed` is when that was committed, if it was."""

    name: str
    log: list[Entry] = field(default_factory=list)
    removed: float | None = None


@dataclass(slots=True)
class Report:
    lost: list[str] = field(default_factory=list)
    """Acknowledged or stored, and not there in the end, in Postgres or with an observer."""
    duplicate: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    hole: list[str] = field(default_factory=list)
    """A number that nothing has, or that an observer was led past although it was the newest state of its message."""
    ghost: list[str] = field(default_factory=list)
    """Seen, and never stored like that."""
    leak: list[str] = field(default_factory=list)
    non_monotonic: list[str] = field(default_factory=list)
    staleness: list[tuple[float, float]] = field(default_factory=list)
    """When a change was seen, and how many seconds after its commit: one for each observer that saw it."""

    @property
    def anomalies(self) -> dict[str, list[str]]:
        """Those there are, by name."""
        lists = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "staleness"}
        return {name: found for name, found in lists.items() if found}

    def percentile(self, share: float, since: float = 0, until: float = inf) -> float:
        """Of the staleness of what was seen between these times, in seconds."""
        seconds = sorted(seconds for at, seconds in self.staleness if since <= at < until)
        return seconds[min(int(len(seconds) * share), len(seconds) - 1)] if seconds else 0

    def __str__(self) -> str:
        counts = " ".join(
            f"{each.name}={len(getattr(self, each.name))}" for each in fields(self) if each.name != "staleness"
        )
        times = " ".join(f"p{share * 100:g}={self.percentile(share):.3f}" for share in (0.5, 0.95, 0.99))
        return f"{counts} seen={len(self.staleness)} {times} max={self.percentile(1):.3f} s"


def check(acts: Sequence[Act], observers: Collection[Observer], truth: Truth) -> Report:
    """Compares, and reports every disagreement."""
    report = Report()
    versions = _Versions(acts, truth)
    _check_rows(acts, truth, versions, report)
    for observer in observers:
        _Reader(observer, truth, versions, report).read()
    return report


class _Versions:
    """Which change has which number, as far as anybody was told."""

    def __init__(self, acts: Sequence[Act], truth: Truth) -> None:
        self.rows = {row.article: row for row in truth.rows}
        self.article: dict[int, str] = {}
        self.began: dict[int, float] = {}
        self.committed = {act.seq: act.answered for act in reversed(acts)} | truth.committed
        of: dict[str, set[int]] = defaultdict(set)
        for row in truth.rows:
            of[row.article] |= {row.place, row.seq}
        for act in acts:
            of[act.article] |= {act.place, act.seq}
            self.began[act.seq] = min(act.began, self.began.get(act.seq, act.began))
        for article, numbers in of.items():
            self.article.update(dict.fromkeys(numbers, article))
        self._after = {number: later for numbers in map(sorted, of.values()) for number, later in pairwise(numbers)}

    def was_current(self, number: int, at: float) -> bool:
        """Whether nobody had yet begun to change that message once more."""
        later = self._after.get(number)
        if number not in self.article:
            return False
        return later is None or self.began.get(later, at) > at


def _check_rows(acts: Sequence[Act], truth: Truth, versions: _Versions, report: Report) -> None:
    for what in ("article", "place", "seq"):
        values = [getattr(row, what) for row in truth.rows]
        report.duplicate += [f"{what} {value} is stored twice" for value in {v for v in values if values.count(v) > 1}]
    for number in range(1, truth.last_seq + 1):
        if number not in versions.article:
            report.hole.append(f"nothing has number {number}")
    for act in acts:
        row = versions.rows.get(act.article)
        if row is None or row.seq < act.seq:
            report.lost.append(f"{act.article} was acknowledged as {act.seq}, stored is {row}")
        if row is not None and row.place != act.place:
            report.duplicate.append(f"{act.article} was answered with the places {act.place} and {row.place}")
    report.out_of_order += _reversed(acts)


def _reversed(acts: Sequence[Act]) -> Iterator[str]:
    """Whatever begins after something else was answered has the larger number."""
    answers = sorted((act for act in acts if not act.repeat), key=lambda act: act.answered)
    done, highest = 0, 0
    for act in sorted(answers, key=lambda act: act.began):
        while answers[done].answered < act.began:
            highest = max(highest, answers[done].seq)
            done += 1
        if act.seq < highest:
            yield f"{act.article} got {act.seq} although {highest} had been answered"


class _Reader:
    """Goes through one observer's log as its browser did."""

    def __init__(self, observer: Observer, truth: Truth, versions: _Versions, report: Report) -> None:
        self._observer = observer
        self._truth = truth
        self._versions = versions
        self._report = report
        self._cursor = 0
        self._ids: set[int] = set()
        self._shown: dict[str, tuple[int, int]] = {}
        self._first = 0

    def read(self) -> None:
        for entry in self._observer.log:
            match entry:
                case Seen():
                    self._see(entry)
                case Page():
                    self._open_page(entry)
                case Pinged() | Opened():
                    self._compare_position(entry)
        if self._observer.removed is None:
            self._compare_end()

    def _see(self, seen: Seen) -> None:
        removed = self._observer.removed
        if removed is not None and seen.at > removed + GRACE_SECONDS:
            self._say("leak", f"saw {seen.seq} {seen.at - removed:.3f} s after the removal")
        if seen.seq in self._ids:
            self._say("duplicate", f"saw {seen.seq} twice")
        elif seen.seq <= self._cursor:
            self._say("out_of_order", f"saw {seen.seq} after {self._cursor}")
        for skipped in range(self._cursor + 1, seen.seq):
            if self._versions.was_current(skipped, seen.at):
                self._say("hole", f"was led past {skipped} to {seen.seq}")
        row = self._versions.rows.get(seen.article)
        if row is None or row.place != seen.place or self._versions.article.get(seen.seq) != seen.article:
            self._say("ghost", f"saw {seen.article} as {seen.seq}, stored is {row}")
        elif seen.seq in self._versions.committed:
            self._report.staleness.append((seen.at, max(0.0, seen.at - self._versions.committed[seen.seq])))
        self._ids.add(seen.seq)
        self._cursor = max(self._cursor, seen.seq)
        self._show(seen)

    def _show(self, state: Seen | Row) -> None:
        if state.seq > self._shown.get(state.article, (0, 0))[0]:
            self._shown[state.article] = state.seq, state.digest

    def _open_page(self, page: Page) -> None:
        self._shown.clear()
        for row in page.shown:
            self._show(row)
        self._first = 0 if page.whole else min((row.place for row in page.shown), default=0)
        self._cursor = max(self._cursor, page.seq)

    def _compare_position(self, entry: Pinged | Opened) -> None:
        if isinstance(entry, Pinged) and entry.seq < self._cursor:
            self._say("non_monotonic", f"was told that {entry.seq} is the newest after it had seen {self._cursor}")
        if isinstance(entry, Opened) and entry.after < self._cursor:
            self._say("non_monotonic", f"asked for what came after {entry.after} after it had seen {self._cursor}")

    def _compare_end(self) -> None:
        for row in self._truth.rows:
            seq, digest = self._shown.get(row.article, (0, 0))
            if row.place < self._first:
                continue
            if seq < row.seq:
                self._say("lost", f"ends with {row.article} at {seq or 'nothing'} instead of {row.seq}")
            elif seq == row.seq and digest != row.digest:
                self._say("ghost", f"ends with another {row.article} than is stored")

    def _say(self, anomaly: str, text: str) -> None:
        getattr(self._report, anomaly).append(f"{self._observer.name} {text}")
