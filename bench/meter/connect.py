"""What it costs to open a stream: the first of each person, and once more."""

import time
from argparse import Namespace

from meter.madang import running
from meter.swarm import Swarm
from meter.tables import command, show


def measure(options: Namespace) -> None:
    rows = []
    with running() as madang:
        room = madang.rooms[0]
        cookies = madang.people(room, options.listeners)
        for turn in ("first", "again"):
            cpu, engines, began = madang.cost().cpu, madang.engines().cpu, time.monotonic()
            with Swarm(madang.port, f"/rooms/{room}/stream/", options.listeners, cookies=cookies):
                seconds = time.monotonic() - began
                spent = (madang.cost().cpu - cpu, madang.engines().cpu - engines, seconds)
            rows.append((turn, *(each * 1e3 / options.listeners for each in spent), f"{seconds:.2f}"))
    heads = ("", "CPU ms each", "engines' CPU ms each", "ms each", "s for all")
    show(f"{options.listeners:,} streams are opened, 64 at a time", heads, rows)


def main() -> None:
    command(measure, __doc__, listeners=1000)
