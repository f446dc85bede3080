"""How long until everybody is back after the server was restarted or killed, with what was written meanwhile."""

import os
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException

from meter import processes
from meter.madang import Madang, Writers, running
from meter.swarm import Swarm
from meter.tables import Lacking, command, say, show

GIVE_UP_SECONDS = 120


class Chatter(threading.Thread):
    """Somebody goes on writing, also while nobody answers."""

    def __init__(self, writers: Writers, rate: float) -> None:
        super().__init__(daemon=True)
        self._writers, self._rate = writers, rate
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(1 / self._rate):
            with suppress(OSError, HTTPException, Lacking):  # whether it was stored the ids tell
                self._writers.post().result()

    def end(self) -> None:
        self._over.set()
        self.join()


def storm(madang: Madang, cookies: list[str], listeners: int, number: signal.Signals) -> list[object]:
    room = madang.rooms[0]
    head = madang.head(room)
    writers = Writers(madang, room, cookies[:20])
    with Swarm(madang.port, f"/rooms/{room}/stream/", listeners, "-r", "-a", str(head), cookies=cookies) as swarm:
        chatter = Chatter(writers, 4)
        _await(lambda: swarm.report()["least_id"] > head)
        server = madang.server()
        engines, began = madang.engines().cpu, time.monotonic()
        os.kill(server, number)
        _await(lambda: swarm.report()["lost"] >= listeners)
        _await(lambda: swarm.report()["open"] == listeners)
        newest = writers.newest
        _await(lambda: swarm.report()["least_id"] >= newest)
        seconds = time.monotonic() - began
        cpu, engines = processes.cost(processes.family(madang.server())).cpu, madang.engines().cpu - engines
        chatter.end()
        newest = madang.head(room)
        _await(lambda: swarm.report()["least_id"] >= newest)
        report = swarm.report()
    writers.close()
    return [seconds, report["gaps"], report["doubles"], newest - head, cpu, engines]


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise Lacking(f"Not everybody was back within {GIVE_UP_SECONDS} s.")
        time.sleep(0.02)


def measure(options: Namespace) -> None:
    rows = []
    with running() as madang:
        cookies = madang.people(madang.rooms[0], max(20, options.listeners))
        for name, number in (("restarted (SIGTERM)", signal.SIGTERM), ("killed (SIGKILL)", signal.SIGKILL)):
            say(f"The server is {name} …")
            rows.append([name, *storm(madang, cookies, options.listeners, number)])
    heads = (
        "the server was",
        "s until all are back",
        "gaps",
        "doubles",
        "messages",
        "CPU s of the new one",
        "engines' CPU s",
    )
    show(f"{options.listeners:,} streams come back (wanted: within 15 s)", heads, rows)


def main() -> None:
    command(measure, __doc__, listeners=10_000)
