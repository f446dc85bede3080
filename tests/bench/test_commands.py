"""Each command of bench/ still measures; with so few listeners its figures mean nothing."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from project.environment import ROOT
from tests.house.running import OURS

TINY = {
    "fanout": ["--listeners", "10", "--seconds", "1", "--rounds", "1", "--rates", "20", "--peers", "nchan"],
    "memory": ["--listeners", "20", "--settle", "0.5"],
    "connect": ["--listeners", "20"],
    "reconnect": ["--listeners", "20"],
    "growth": ["--members", "20", "--posts", "10"],
}
SECONDS = 240

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="not installed here: cc")


@pytest.fixture(scope="module")
def said() -> Iterator[dict[str, str]]:
    """What each prints. They run at the same time: it is not about their figures."""
    environ = {name: value for name, value in os.environ.items() if name not in OURS}
    environ["MADANG_RUN"] = f"{shlex.quote(sys.executable)} -m project.run"
    running = {
        name: subprocess.Popen(
            [ROOT / "bench" / name, *options], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for name, options in TINY.items()
    }
    try:
        yield {name: process.communicate(timeout=SECONDS)[0] for name, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
            process.wait(40)


def cell(said: str, row: str, column: int) -> str:
    line = next((line for line in said.splitlines() if line.startswith(f"| {row} ")), None)
    assert line is not None, said
    return line.split("|")[column + 1].strip()


def test_fanout(said: dict[str, str]) -> None:
    assert cell(said["fanout"], "Madang", 6) == "100.0 %"
    assert "| nchan " in said["fanout"] or "Measured without nchan." in said["fanout"]


def test_memory(said: dict[str, str]) -> None:
    assert cell(said["memory"], "streams open", 1) == "20"
    held = int(cell(said["memory"], "database connections more than before", 1))
    assert held < 10, "one for each stream would be 20; the pool may have grown"


def test_connect(said: dict[str, str]) -> None:
    assert float(cell(said["connect"], "first", 3)) > 0
    assert float(cell(said["connect"], "again", 3)) > 0


def test_reconnect(said: dict[str, str]) -> None:
    for way in ("restarted (SIGTERM)", "killed (SIGKILL)"):
        assert [cell(said["reconnect"], way, column) for column in (2, 3)] == ["0", "0"]
        assert int(cell(said["reconnect"], way, 4)) > 0


def test_growth(said: dict[str, str]) -> None:
    assert float(cell(said["growth"], "20", 3)) > 0
