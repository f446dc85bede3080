"""I1: a post answered 2xx is there, whatever is killed."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import uuid

import httpx
import psutil

from project.environment import ROOT
from tests.house.conftest import Start
from tests.house.running import Run
from tests.processes import eventually

WRITERS = 6
ENOUGH = 60


def manage(run: Run, *arguments: str) -> str:
    environ = os.environ | {"DATA_DIR": str(run.data_dir)}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True).stdout


class Writer(threading.Thread):
    """Posts until the connection breaks, and remembers what was acknowledged."""

    def __init__(self, url: str, session: str) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self._url = url
        self._client = httpx.Client(
            headers={"HX-Request": "true", "X-CSRFToken": "x" * 32},
            cookies={"sessionid": session, "csrftoken": "x" * 32},
            timeout=20,
        )

    def run(self) -> None:
        with self._client, contextlib.suppress(httpx.TransportError):
            while True:
                mid = str(uuid.uuid4())
                answer = self._client.post(self._url, data={"text": mid, "client_mid": mid})
                if answer.status_code == 201:
                    self.acknowledged.append(mid)


def stored(run: Run, path: str, session: str) -> set[str]:
    """Every text of the room, read page by page."""
    texts: set[str] = set()
    after = 0
    while html := run.get(f"{path}messages/?after={after}&limit=200", sessionid=session).raise_for_status().text:
        texts.update(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}(?=<)", html))
        after = max(map(int, re.findall(r'<article [^>]*data-seq="(\d+)"', html)))
    return texts


def test_every_acknowledged_post_survives_the_kill_of_every_process(start: Start) -> None:
    run = start().until_greeted()
    path = f"/rooms/{manage(run, 'seed').split()[0]}/"
    manage(run, "flood", path.split("/")[2], "--people", str(WRITERS))
    sessions = manage(run, "session", *(f"p{number:05d}" for number in range(1, WRITERS + 1))).split()
    keys = [session.partition("=")[2] for session in sessions]
    writers = [Writer(f"{run.address}{path}messages/", key) for key in keys]
    for writer in writers:
        writer.start()
    eventually(lambda: sum(len(writer.acknowledged) for writer in writers) >= ENOUGH)
    for process in reversed(run.family()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for writer in writers:
        writer.join(30)
    run.process.wait(10)
    acknowledged = {mid for writer in writers for mid in writer.acknowledged}
    again = start().until_greeted()
    assert len(acknowledged) >= ENOUGH
    assert acknowledged <= stored(again, path, keys[0])
