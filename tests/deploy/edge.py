"""A real nginx with the configuration that is shipped, and processes of Madang behind it as in production."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import httpx
from django.conf import settings

from chat.accounts.models import User
from project.environment import ROOT
from tests.processes import answers, eventually, free_port, launch
from tests.sse import Frame, Listener

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
HOST = "localhost"
TEMPORARY = (
    "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;"
)


class Program:
    """A process of Madang, which can be ended and started again on its port."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        self._arguments = [each.format(port=self.port) for each in arguments]
        self.start()

    def start(self) -> None:
        self.process = launch(
            self._arguments,
            MADANG_ENV="production",
            HTTPS="on",
            ALLOWED_HOSTS=HOST,
            SECRET_KEY=settings.SECRET_KEY,
        )

    def until_ready(self) -> None:
        eventually(lambda: answers(f"http://127.0.0.1:{self.port}", self.process))

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """The seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(40)
        return time.monotonic() - began


@dataclass(frozen=True)
class Edge:
    """nginx and what is behind it."""

    port: int
    plain_port: int
    web: list[Program]
    stream: list[Program]

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def room_stream(self, room: uuid.UUID) -> str:
        return f"{self.url}/rooms/{room}/stream/"


@contextmanager
def start_edge(folder: Path) -> Iterator[Edge]:
    serve = ("-m", "project.serve", "--port", "{port}")
    pages = "-m granian --interface wsgi --host 127.0.0.1 --port {port} --blocking-threads 4 project.wsgi:application"
    with ExitStack() as stack:
        web = [Program(*pages.split()) for _ in range(2)]
        stream = [Program(*serve) for _ in range(2)]
        for program in web + stream:
            stack.callback(program.end)
        for program in web + stream:
            program.until_ready()
        edge = Edge(free_port(), free_port(), web, stream)
        stack.enter_context(_nginx(folder, edge))
        yield edge


@contextmanager
def _nginx(folder: Path, edge: Edge) -> Iterator[None]:
    folder.joinpath("temporary.conf").write_text(TEMPORARY)
    folder.joinpath("nginx.conf").write_text(_here(folder, edge))
    _certify(folder)
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    subprocess.run([*command, "-t", "-q"], check=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        eventually(lambda: _speaks(edge))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _here(folder: Path, edge: Edge) -> str:
    """The shipped file; only what it says to change is changed, and all of that."""
    changes = {
        "user": [f"user {'root' if os.getuid() == 0 else 'nobody'};"],
        "pid": [f"pid {folder}/nginx.pid;"],
        "error_log": [f"error_log {folder}/error.log;"],
        "access_log": ["access_log off;"],
        "include": ["include /etc/nginx/mime.types;", f"include {folder}/temporary.conf;"],
        "server": [f"server 127.0.0.1:{program.port} max_fails=0;" for program in edge.web + edge.stream],
        "listen": [f"listen 127.0.0.1:{edge.plain_port};", f"listen 127.0.0.1:{edge.port} ssl http2;"],
        "server_name": [f"server_name {HOST};"] * 2,
        "ssl_certificate": [f"ssl_certificate {folder}/cert.pem;"],
        "ssl_certificate_key": [f"ssl_certificate_key {folder}/key.pem;"],
        "root": [f"root {settings.STATIC_ROOT.parent};"],
    }
    lines = CONFIGURATION.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.endswith("  # here"):
            lines[number] = changes[line.split()[0]].pop(0)
    assert not any(changes.values()), f"the shipped file has no place for {changes}"
    return "\n".join(lines)


def _certify(folder: Path) -> None:
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={HOST}"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)


def _speaks(edge: Edge) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{edge.url}/health/", verify=False).status_code == 200  # noqa: S501
    return False


def lacking() -> str:
    """The programs that are not on this machine."""
    return " ".join(name for name in ("nginx", "openssl", "curl") if shutil.which(name) is None)


class Follower(Thread):
    """Someone who listens and comes back as told, each time from where they were."""

    def __init__(self, url: str, person: User, session: str) -> None:
        super().__init__(daemon=True)
        self.ids: list[int] = []
        self.returns = -1
        self._parts = (url, person, session)
        self._over = Event()
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            self.returns += 1
            self._over.wait(self._listen() / 1000)

    def _listen(self) -> int:
        """The milliseconds after which to return."""
        url, person, session = self._parts
        try:
            listener = Listener(url, person, self.ids[-1] if self.ids else 0, session)
        except OSError:
            return 500
        taken = 0
        while not (listener.ended and taken == len(listener.frames)) and not self._over.is_set():
            with suppress(AssertionError):
                listener.wait(lambda heard, taken=taken: heard.ended or len(heard.frames) > taken, 0.2)
            new = listener.frames[taken:]
            self.ids += [frame.id for frame in new if frame.id is not None]
            taken += len(new)
        frames = listener.frames
        listener.close()
        return _told(frames)

    def end(self) -> None:
        self._over.set()
        self.join(20)


def _told(frames: list[Frame]) -> int:
    last = frames[-1].facts if frames and frames[-1].event == "closed" else {}
    return int(last.get("retry_ms", 500))


class Writers:
    """Several people who write together at a steady rate, through the proxy, each post again until it is answered."""

    def __init__(self, edge: Edge, room: uuid.UUID, sessions: list[str], per_second: float) -> None:
        self.posted = 0
        self.repeated = 0
        self._over = Event()
        pause = len(sessions) / per_second
        self._threads = [Thread(target=self._write, args=(edge, room, session, pause)) for session in sessions]
        for thread in self._threads:
            thread.start()

    def _write(self, edge: Edge, room: uuid.UUID, session: str, pause: float) -> None:
        with browser(edge, session) as client:
            while not self._over.wait(pause):
                mid = str(uuid.uuid4())
                while self._post(client, room, mid) not in {200, 201}:
                    self.repeated += 1
                    self._over.wait(0.2)
                self.posted += 1

    def _post(self, client: httpx.Client, room: uuid.UUID, mid: str) -> int:
        try:
            return client.post(f"/rooms/{room}/messages/", data={"text": mid, "client_mid": mid}).status_code
        except httpx.TransportError:
            return 0

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)


def browser(edge: Edge, session: str) -> httpx.Client:
    """Signed in, speaking as htmx does."""
    token = "x" * 32
    headers = {"HX-Request": "true", "X-CSRFToken": token, "Origin": edge.url, "Referer": f"{edge.url}/"}
    cookies = {"sessionid": session, "csrftoken": token}
    return httpx.Client(base_url=edge.url, headers=headers, cookies=cookies, verify=False, timeout=20)  # noqa: S501
