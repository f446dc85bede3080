"""Madang as bin/run starts it, with rooms to talk in."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.processes import eventually, free_port

ROOT = Path(__file__).resolve().parents[1]
ROOMS = 40
FURNISH = ROOT / "e2e" / "furnish.py"


@dataclass(frozen=True)
class House:
    url: str
    rooms: list[str]
    """Empty ones: alice's, with bob and jiyoung."""
    long_rooms: list[str]
    """The same with 120 messages."""
    old_room: str
    """Talked in since the day before yesterday (UTC)."""
    empty: str
    """A room nobody has written in and nobody will."""


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """The instance at MADANG_URL (DATA_DIR must then be its own), or one of our own."""
    if url := os.environ.get("MADANG_URL"):
        yield House(url.rstrip("/"), **_furnish(dict(os.environ)))
        return
    port = free_port()
    environ = os.environ | {"DATA_DIR": str(folder / "data"), "PORT": str(port)}
    with (folder / "log").open("wb") as log:
        run = subprocess.Popen(
            [ROOT / "bin" / "run"], cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url, run), 120)
        yield House(url, **_furnish(environ))
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(15)


def _answers(url: str, run: "subprocess.Popen[bytes]") -> bool:
    assert run.poll() is None, "bin/run ended before it answered"
    try:
        return httpx.get(f"{url}/health/", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _furnish(environ: dict[str, str]) -> dict[str, object]:
    python = ROOT / ".venv" / "bin" / "python"
    script = FURNISH.read_text()
    said = subprocess.run(
        [python, "manage.py", "shell", "--no-imports", "-c", script],
        cwd=ROOT,
        env=environ | {"ROOMS": str(ROOMS)},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(said.stdout.decode().splitlines()[-1])
