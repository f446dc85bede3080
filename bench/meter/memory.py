"""What an open stream holds while nothing happens, in one process: memory, threads, database connections."""

import time
from argparse import Namespace

from meter.madang import running
from meter.swarm import Swarm
from meter.tables import command, show


def measure(options: Namespace) -> None:
    with running() as madang:
        room = madang.rooms[0]
        path = f"/rooms/{room}/stream/"
        cookies = madang.people(room, options.listeners)
        with Swarm(
            madang.port, path, min(500, options.listeners), cookies=cookies
        ):  # so that all is loaded and the pools have grown
            pass
        connections, before = madang.database_connections(), madang.cost()
        with Swarm(madang.port, path, options.listeners, cookies=cookies) as swarm:
            time.sleep(options.settle)
            after, still_open = madang.cost(), swarm.report()["open"]
            held = madang.database_connections() - connections
    rows = [
        ("streams open", still_open, options.listeners),
        ("kB for each (RSS)", (after.rss_kb - before.rss_kb) / options.listeners, "≤ 20"),
        ("threads in all", after.threads, "≤ 20"),
        ("database connections more than before", held, 0),
    ]
    show(f"{options.listeners:,} idle streams in one process", ("", "measured", "wanted"), rows)


def main() -> None:
    command(measure, __doc__, listeners=10_000, settle=3.0)
