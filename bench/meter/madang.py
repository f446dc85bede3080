"""A Madang of our own: started with bin/run in a fresh DATA_DIR on a free port, used through its front door."""

import contextlib
import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from meter import processes
from meter.processes import Cost
from meter.tables import Lacking, say

ROOT = Path(__file__).resolve().parents[2]
TEXT = "The quick brown fox jumps over the lazy dog and runs {} far away into the night."
START_SECONDS = 600
TOKEN = "x" * 32  # a CSRF token that the cookie and the header agree on
_OURS = ("HOST", "DATABASE_URL", "REDIS_URL", "MADANG_ENV", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS")


def stamp() -> str:
    """What the listeners read the age of a message from."""
    return f"t={time.monotonic_ns()};"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Madang:
    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="madang-bench-")
        environ = {name: value for name, value in os.environ.items() if name not in _OURS}
        self._environ = environ | {"PORT": str(self.port), "DATA_DIR": str(Path(self._folder.name) / "data")}
        command = shlex.split(os.environ.get("MADANG_RUN", "bin/run"))
        self._log = Path(self._folder.name) / "said"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._await_answer()
            self.rooms = re.findall(r"^[0-9a-f-]{36}", self.manage("seed"), re.MULTILINE)
        except BaseException:
            self.stop()
            raise

    def _await_answer(self) -> None:
        end = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise Lacking(f"Madang did not start: {self._log.read_text()[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._folder.cleanup()

    def manage(self, *arguments: str) -> str:
        """The output of one manage.py command."""
        command = [ROOT / ".venv/bin/python", "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self._environ, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def people(self, room: str, count: int) -> list[str]:
        """The cookies of as many more members of the room, signed in."""
        say(f"Making {count:,} people …")
        script = (
            "from chat.rooms.models import RoomMember as M; from django.core.management import call_command as call; "
            f"call('flood', '{room}', people={count}); "
            f"members = M.objects.filter(room='{room}', user__username__regex=r'^p[0-9]').order_by('user__username'); "
            f"call('session', *members.values_list('user__username', flat=True)[:{count}])"
        )
        said = self.manage("shell", "-v", "0", "-c", script)
        return [line for line in said.splitlines() if line.startswith("sessionid=")]

    def head(self, room: str) -> int:
        """The room's newest number."""
        script = f"from chat.rooms.models import Room; print(Room.objects.get(pk='{room}').last_seq)"
        return int(self.manage("shell", "-v", "0", "-c", script))

    def database_connections(self) -> int:
        """How many connections Postgres has, beside the one that asks."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        script = f'from django.db import connection as c; k = c.cursor(); k.execute("{query}"); print(k.fetchone()[0])'
        return int(self.manage("shell", "-v", "0", "-c", script))

    def server(self) -> int:
        """The process that holds the port."""
        return next(pid for pid in self._family() if "project.serve" in processes.words(pid))

    def cost(self) -> Cost:
        """Of all its processes but the engines."""
        return processes.cost(pid for pid in self._family() if processes.name(pid) not in processes.ENGINES)

    def engines(self) -> Cost:
        """Of Postgres and Redis."""
        return processes.cost(pid for pid in self._family() if processes.name(pid) in processes.ENGINES)

    def _family(self) -> list[int]:
        return processes.family(self._process.pid)


@contextlib.contextmanager
def running() -> Iterator[Madang]:
    say("Starting Madang …")
    madang = Madang()
    try:
        yield madang
    finally:
        madang.stop()


class Writers:
    """People who take turns to post in one room, each on a connection of their own; nobody faster than is allowed."""

    def __init__(self, madang: Madang, room: str, cookies: list[str]) -> None:
        self._path = f"/rooms/{room}/messages/"
        self._free = [(http.client.HTTPConnection("127.0.0.1", madang.port, timeout=30), cookie) for cookie in cookies]
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(8)
        self.newest = 0
        self.seconds: list[float] = []

    def post(self) -> Future[None]:
        """Posts one message as soon as may be. The future raises Lacking where it is refused."""
        return self._pool.submit(self._post)

    def _post(self) -> None:
        with self._lock:
            connection, cookie = self._free.pop(0)
        body = urllib.parse.urlencode({"text": TEXT.format(stamp()), "client_mid": str(uuid.uuid4())})
        headers = {
            "Cookie": f"{cookie}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        began = time.monotonic()
        try:
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        finally:
            with self._lock:
                self._free.append((connection, cookie))
        if response.status != 201:
            raise Lacking(f"A post was answered {response.status}.")
        self.seconds.append(time.monotonic() - began)
        self.newest = max(self.newest, int(response.headers["Location"].rstrip("/").rsplit("/", 1)[1]))

    def steadily(self, rate: float, count: int) -> None:
        """Posts `count` messages, `rate` in each second, and returns when all have been answered."""
        pace(self.post, rate, count)

    def close(self) -> None:
        self._pool.shutdown()
        for connection, _ in self._free:
            connection.close()


def pace(act: Callable[[], object], rate: float, count: int) -> None:
    """Acts `count` times, `rate` times in each second, and waits for what was begun."""
    began = time.monotonic()
    acts = []
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        acts.append(act())
    for future in acts:
        if isinstance(future, Future):
            future.result()
