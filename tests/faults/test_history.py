"""The checker finds each anomaly in a history made by hand, and nothing in a good one."""

from collections.abc import Callable

import pytest

from tests.faults.history import Act, Entry, Observer, Opened, Page, Pinged, Report, Row, Seen, Truth, check

# a is posted as 1, b as 2, a is edited as 3, c is posted as 4.
ACTS = [Act("a", 1, 1, 10, 11), Act("b", 2, 2, 20, 21), Act("a", 1, 3, 30, 31), Act("c", 4, 4, 40, 41)]
ROWS = [Row("a", 1, 3, 103), Row("b", 2, 2, 102), Row("c", 4, 4, 104)]
TRUTH = Truth(ROWS, 4, {})
A, B, A2, C = (
    Seen(11.5, 1, "a", 1, 101),
    Seen(21.5, 2, "b", 2, 102),
    Seen(31.5, 3, "a", 1, 103),
    Seen(43, 4, "c", 4, 104),
)


def of(*log: Entry, removed: float | None = None) -> Report:
    return check(ACTS, [Observer("eve", list(log), removed)], TRUTH)


@pytest.mark.parametrize(
    "log",
    [
        [Opened(9, 0), A, Pinged(12, 1), B, A2, C],
        [Opened(32, 0), Seen(32, 2, "b", 2, 102), Seen(32, 3, "a", 1, 103), C],  # came late: only the latest state of a
        [A, B, Opened(35, 2), A2, C, Pinged(44, 4)],
        [A, Page(45, 4, (ROWS[1], ROWS[2]), whole=False)],  # a is further up than the page goes
        [A, Page(41.5, 3, (ROWS[0], ROWS[1], ROWS[2]), whole=True), C],  # the page knew of c already
    ],
)
def test_a_good_history_is_good(log: list[Entry]) -> None:
    assert of(*log).anomalies == {}


@pytest.mark.parametrize(
    ("anomaly", "log"),
    [
        ("lost", [A, B, A2]),
        ("lost", [A, B, C]),
        ("lost", [A, B, A2, Page(45, 4, (ROWS[0], ROWS[2]), whole=True)]),  # b was there before the reset
        ("duplicate", [A, B, B, A2, C]),
        ("duplicate", [A, B, Opened(25, 2), B, A2, C]),
        ("out_of_order", [B, A, A2, C]),
        ("hole", [A, A2, C, B]),
        ("hole", [Seen(25, 2, "b", 2, 102), A2, C]),  # a had not been edited yet when it was left out
        ("ghost", [A, B, A2, C, Seen(50, 5, "d", 5, 105)]),
        ("ghost", [A, Seen(21, 2, "x", 2, 1), B, A2, C]),
        ("ghost", [A, B, A2, Seen(42, 4, "b", 2, 1), C]),
        ("ghost", [A, B, A2, Seen(43, 4, "c", 4, 999)]),
        ("non_monotonic", [A, B, Pinged(22, 1), A2, C]),
        ("non_monotonic", [A, B, Opened(22, 1), A2, C]),
    ],
)
def test_what_an_observer_should_not_have_seen_is_found(anomaly: str, log: list[Entry]) -> None:
    assert anomaly in of(*log).anomalies


def test_a_leak_is_what_comes_later_than_the_grace() -> None:
    assert "leak" in of(A, B, A2, C, removed=40.9).anomalies
    assert of(A, B, A2, C, removed=41.1).anomalies == {}
    assert of(A, removed=12).anomalies == {}


def rows(*, last_seq: int = 4, change: Callable[[list[Row]], object] = lambda _: None) -> Truth:
    changed = list(ROWS)
    change(changed)
    return Truth(changed, last_seq, {})


@pytest.mark.parametrize(
    ("anomaly", "truth"),
    [
        ("lost", rows(change=lambda stored: stored.pop())),
        ("lost", rows(change=lambda stored: stored.__setitem__(0, Row("a", 1, 1, 101)))),
        ("duplicate", rows(change=lambda stored: stored.append(Row("c", 4, 5, 104)), last_seq=5)),
        ("duplicate", rows(change=lambda stored: stored.append(Row("d", 4, 5, 105)), last_seq=5)),
        ("hole", rows(last_seq=5)),
    ],
)
def test_what_postgres_should_not_hold_is_found(anomaly: str, truth: Truth) -> None:
    assert check(ACTS, [], truth).anomalies.keys() == {anomaly}


def test_one_post_that_was_answered_with_two_places_is_a_duplicate() -> None:
    again = Act("b", 5, 5, 50, 51, repeat=True)
    assert "duplicate" in check([*ACTS, again], [], TRUTH).anomalies
    assert check([*ACTS, Act("b", 2, 2, 50, 51, repeat=True)], [], TRUTH).anomalies == {}


def test_numbers_follow_the_order_of_what_was_answered() -> None:
    swapped = [Act("a", 2, 2, 10, 11), Act("b", 1, 1, 20, 21)]
    truth = Truth([Row("a", 2, 2, 0), Row("b", 1, 1, 0)], 2, {})
    assert check(swapped, [], truth).anomalies.keys() == {"out_of_order"}
    together = [Act("a", 2, 2, 10, 25), Act("b", 1, 1, 20, 21)]
    assert check(together, [], truth).anomalies == {}


def test_staleness_is_counted_from_the_commit_or_else_from_the_answer() -> None:
    observer = Observer("eve", [A, B, A2, C])
    report = check(ACTS, [observer], Truth(ROWS, 4, {4: 40.5}))
    assert report.staleness == [(11.5, 0.5), (21.5, 0.5), (31.5, 0.5), (43, 2.5)]
    assert (report.percentile(0.5), report.percentile(1), report.percentile(1, until=43)) == (0.5, 2.5, 0.5)
    assert report.percentile(0, since=43) == 2.5
    assert "lost=0" in str(report)
    assert "max=2.500" in str(report)
