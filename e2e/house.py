"""Madang as bin/run starts it, with rooms to talk in."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.processes import eventually, free_port

ROOT = Path(__file__).resolve().parents[1]
ROOMS = 60
FURNISH = ROOT / "e2e" / "furnish.py"


SAY = """
import json, os, uuid
from chat.accounts.models import User
from chat.messages.actions import post_message
from chat.rooms.models import Room
room = Room.objects.get(pk=os.environ["ROOM"])
speakers = [User.objects.get(username=name) for name in ("bob", "jiyoung")]
for n, text in enumerate(json.loads(os.environ["TEXTS"])):
    post_message(room=room, sender=speakers[n % 2], client_mid=uuid.uuid4(), text=text)
"""

REMOVE = """
import os
from chat.accounts.models import User
from chat.rooms.actions import remove_member
from chat.rooms.models import Room
room = Room.objects.get(pk=os.environ["ROOM"])
for name in os.environ["PEOPLE"].split():
    remove_member(room=room, person=User.objects.get(username=name))
"""


@dataclass(frozen=True)
class House:
    url: str
    environ: dict[str, str]
    rooms: list[str]
    """Empty ones: alice's, with bob and jiyoung."""
    long_rooms: list[str]
    """The same with 120 messages."""
    old_room: str
    """Talked in since the day before yesterday (UTC)."""
    empty: str
    """A room nobody has written in and nobody will."""

    def say(self, room: str, texts: list[str]) -> None:
        """Bob and 지영 in turn, by the same action as the pages, without their limit on how fast."""
        _shell(self.environ | {"ROOM": room, "TEXTS": json.dumps(texts)}, SAY)

    def remove(self, room: str, *people: str) -> None:
        """Shows these people out of the room."""
        _shell(self.environ | {"ROOM": room, "PEOPLE": " ".join(people)}, REMOVE)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """The instance at MADANG_URL (DATA_DIR must then be its own), or one of our own."""
    if url := os.environ.get("MADANG_URL"):
        environ = dict(os.environ)
        yield House(url.rstrip("/"), environ, **_furnish(environ))
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
        yield House(url, environ, **_furnish(environ))
        assert run.poll() is None, "bin/run ended by itself:\n" + (folder / "log").read_text()
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(15)


def _answers(url: str, run: "subprocess.Popen[bytes]") -> bool:
    assert run.poll() is None, "bin/run ended before it answered"
    try:
        return httpx.get(f"{url}/health/", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _furnish(environ: dict[str, str]) -> dict[str, Any]:
    said = _shell(environ | {"ROOMS": str(ROOMS)}, FURNISH.read_text())
    return dict(json.loads(said.splitlines()[-1]))


def _shell(environ: dict[str, str], script: str) -> str:
    command = [ROOT / ".venv" / "bin" / "python", "manage.py", "shell", "--no-imports", "-c", script]
    return subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout
