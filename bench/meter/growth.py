"""Whether a post costs more in a large room than in a small one."""

import statistics
from argparse import Namespace

from meter.madang import Madang, Writers, running
from meter.tables import command, show

BLOCKS = 5


def block(madang: Madang, writers: Writers, rate: float, count: int) -> tuple[float, float, float]:
    """Milliseconds for each post: CPU of Madang, CPU of the engines, wall time in the middle."""
    cpu, engines = madang.cost().cpu, madang.engines().cpu
    writers.seconds.clear()
    writers.steadily(rate, count)
    cpu, engines = madang.cost().cpu - cpu, madang.engines().cpu - engines
    return cpu * 1e3 / count, engines * 1e3 / count, statistics.median(writers.seconds) * 1e3


def measure(options: Namespace) -> None:
    with running() as madang:
        sizes = dict(zip(madang.rooms, (10, options.members), strict=False))
        rooms = {room: Writers(madang, room, madang.people(room, size)[:10]) for room, size in sizes.items()}
        figures: dict[str, list[tuple[float, float, float]]] = {room: [] for room in rooms}
        for _ in range(BLOCKS + 1):  # in turn, so that what else happens here concerns both
            for room, writers in rooms.items():
                figures[room].append(block(madang, writers, 25, max(2, options.posts // BLOCKS)))
        for writers in rooms.values():
            writers.close()
    small, large = ([statistics.median(each) for each in zip(*of[1:], strict=True)] for of in figures.values())
    ratios = [many / few if few else None for few, many in zip(small, large, strict=True)]
    rows = [("10", *small), (f"{options.members:,}", *large), ("ratio (wanted: ≤ 1.5)", *ratios)]
    heads = ("members", "CPU ms", "engines' CPU ms", "p50 ms")
    show(f"One post, medians of {BLOCKS} blocks, {options.posts} posts in each room", heads, rows)


def main() -> None:
    command(measure, __doc__, members=10_000, posts=200)
