"""What families of processes cost, as Linux counts it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ENGINES = {"postgres", "redis-server"}
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of some processes together: seconds of CPU so far, resident kilobytes, threads."""

    cpu: float
    rss_kb: int
    threads: int


def family(pid: int) -> list[int]:
    """The process, its children and theirs."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def name(pid: int) -> str:
    """The name of its program, empty if it has ended."""
    return _read(pid, "comm").strip()


def words(pid: int) -> list[str]:
    """Its command line."""
    return _read(pid, "cmdline").split("\0")


def cost(pids: Iterable[int]) -> Cost:
    """Those that have ended count as nothing."""
    cpu, rss, threads = 0.0, 0, 0
    for pid in pids:
        stat, status = _read(pid, "stat"), _read(pid, "status")
        if stat and status:
            fields = stat.rsplit(")", 1)[1].split()
            cpu += sum(map(int, fields[11:15])) / _TICK  # with that of its children that have ended
            rss += _field(status, "VmRSS")
            threads += _field(status, "Threads")
    return Cost(cpu, rss, threads)


def _field(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
