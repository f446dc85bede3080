"""What one message to everybody in a room costs, for Madang and for what people would pick instead.

Every listener of Madang is another person, every message a real post: session, CSRF, permission, limits, Postgres.
Its CPU is that of all its Python processes, less that of the same posts with one listener; the engines stand beside it.
"""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from meter.madang import Madang, Writers, pace, running
from meter.peers import PEERS, Peer
from meter.swarm import Swarm
from meter.tables import Lacking, command, say, show

HEADS = ("", "CPU µs/delivery", "p50 ms", "p99 ms", "last p50 ms", "last p99 ms", "delivered", "kB/stream", "threads")
SETTLE_SECONDS = 4
PER_WRITER = 1.2  # posts per second; 100 a minute are allowed


@dataclass(frozen=True)
class Run:
    events: int
    cpu: float
    report: dict[str, float]
    rss_kb: float
    threads: int


def listen(target: Peer, cookies: list[str], talk: Callable[[], None], count: int) -> Run:
    """One round: `count` listeners, `talk` talks, and nobody waits longer than a few seconds for the rest."""
    before = target.cost()
    with Swarm(target.port, target.path, count, *target.flags, cookies=cookies) as swarm:
        time.sleep(0.5)
        opened = target.cost()
        swarm.reset()
        talk()
        _settle(swarm)
        after, report = target.cost(), swarm.report()
    rss = (opened.rss_kb - before.rss_kb) / count
    return Run(report["events"], after.cpu - opened.cpu, report, rss, after.threads)


def _settle(swarm: Swarm) -> None:
    """Until nothing has come for half a second, or time is up."""
    end, seen = time.monotonic() + SETTLE_SECONDS, -1
    while time.monotonic() < end and (events := swarm.report()["events"]) != seen:
        seen = events
        time.sleep(0.5)


def madang(house: Madang, cookies: list[str], listeners: int, rate: float, seconds: float) -> list[object]:
    room = house.rooms[0]
    writers = Writers(house, room, cookies[: max(20, int(rate / PER_WRITER))])
    try:
        talk = partial(writers.steadily, rate, int(rate * seconds))
        target = Peer(house.port, f"/rooms/{room}/stream/", writers.post, house.cost)
        writers.steadily(rate, 20)  # so that all is loaded
        engines = house.engines().cpu
        one, many = (listen(target, cookies, talk, count) for count in (1, listeners))
        engines = (house.engines().cpu - engines) / 2
    finally:
        writers.close()
    say(f"  the engines' CPU: {engines / (rate * seconds) * 1e3:.2f} ms for each post")
    return _row(many, (many.cpu - one.cpu) / max(1, many.events - one.events), listeners * int(rate * seconds))


def peer(peer: Peer, listeners: int, rate: float, seconds: float) -> list[object]:
    count = int(rate * seconds)
    talk = partial(pace, peer.publish, rate, count)
    run = listen(peer, [], talk, listeners)
    return _row(run, run.cpu / max(1, run.events), listeners * count)


def _row(run: Run, cpu: float, offered: int) -> list[object]:
    """The figures of HEADS; no time of the last listener where no message reached all."""
    told = run.report
    lasts = [told["last_p50"], told["last_p99"]] if told["whole"] else [None, None]
    return [cpu * 1e6, told["p50"], told["p99"], *lasts, run.events / offered * 100, run.rss_kb, run.threads]


def measure(options: Namespace) -> None:
    rates = [float(rate) for rate in options.rates.split(",")]
    wanted = {
        name: each for name, each in PEERS.items() if any(word in name for word in options.peers.split(",") if word)
    }
    rows: dict[tuple[float, str], list[list[object]]] = {}
    with running() as house:
        cookies = house.people(house.rooms[0], max(options.listeners, int(max(rates) / PER_WRITER), 20))
        for number in range(options.rounds):
            for rate in rates:
                say(f"Round {number + 1} at {rate:g} messages/s …")
                size = (options.listeners, rate, options.seconds)
                rows.setdefault((rate, "Madang"), []).append(madang(house, cookies, *size))
                for name in tuple(wanted):
                    try:
                        with wanted[name]() as running_peer:
                            rows.setdefault((rate, name), []).append(peer(running_peer, *size))
                    except Lacking as sentence:
                        say(f"Measured without {name}. {sentence}")
                        del wanted[name]
    for rate in rates:
        title = f"{options.listeners:,} listeners, {rate:g} messages/s for {options.seconds:g} s"
        show(
            f"{title}, median of {options.rounds}",
            HEADS,
            [[name, *_median(of)] for (at, name), of in rows.items() if at == rate],
        )


def _median(rows: list[list[object]]) -> list[object]:
    columns = [[cell for cell in column if cell is not None] for column in zip(*rows, strict=True)]
    *figures, delivered, rss, threads = [statistics.median(column) if column else None for column in columns]
    return [*figures, f"{delivered:.1f} %", rss, int(threads)]


def main() -> None:
    command(measure, __doc__, listeners=1000, seconds=4.0, rounds=3, rates="20,150", peers="nchan,eventstream,Channels")
