"""A real Pushpin in front of a real `web` process, as deploy/pushpin has it, with ports and folders of its own."""

import configparser
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from pytest_django import Settings

from chat.rooms.models import Room
from chat.stream.grip import pushpins
from tests.processes import eventually, free_port, stream_process, web_process

KEY = "a-key-that-only-pushpin-and-madang-know"
SAMPLE = settings.ROOT / "deploy" / "pushpin" / "pushpin.conf"


@dataclass(frozen=True)
class Front:
    """Where browsers go, the processes behind (Pushpin asks the first), one that holds streams itself."""

    address: str
    web: list[str]
    stream: str
    grip_url: str
    output: Path

    def settle(self, room: Room, streams: int) -> None:
        """Waits until these have asked again: Pushpin lets them, a second after the first of them follows a channel.

        What they are told after that they hear from those who publish, or within the lease.
        """
        asked = re.compile(rf"\[handler\] GET \S+/held/\S+{room.pk}/stream/")
        eventually(lambda: len(asked.findall(self.output.read_text())) >= streams)


@pytest.fixture(scope="session")
def front(django_db_setup: None) -> Iterator[Front]:
    if not shutil.which("pushpin"):
        pytest.skip("Pushpin is not installed (Debian: apt-get install pushpin)")
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    control = free_port()
    grip_url = f"http://127.0.0.1:{control}?key={KEY}"
    with pytest.MonkeyPatch.context() as environ, ExitStack() as stack:
        environ.setenv("GRIP_URL", grip_url)
        web = [stack.enter_context(web_process()) for _ in range(2)]
        stream = stack.enter_context(stream_process())
        address, output = stack.enter_context(start_pushpin(web[0], control))
        yield Front(address, web, stream, grip_url, output)
        for pushpin in pushpins(grip_url):
            pushpin.close()


@pytest.fixture
def published(front: Front, settings: Settings) -> None:
    """What the test itself does is told to Pushpin too, as by one more process. Without this it is lost on the way."""
    settings.GRIP_URLS = [front.grip_url]


@contextmanager
def start_pushpin(backend: str, control: int) -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="pushpin-", dir="/tmp") as name:
        folder, port = Path(name), free_port()
        config = configparser.RawConfigParser()
        config.read(SAMPLE)
        changes = {
            "global": {"include": "/usr/lib/pushpin/internal.conf", "rundir": f"{folder}/run"},
            "runner": {"services": "condure,zurl,pushpin-proxy,pushpin-handler", "logdir": f"{folder}/log"}
            | {"http_port": f"127.0.0.1:{port}", "client_maxconn": "500"},
            "proxy": {"sig_key": KEY}
            | {
                f"zurl_{way}_specs": f"ipc://{folder}/run/pushpin-zurl-{end}"
                for way, end in (("out", "in"), ("out_stream", "in-stream"), ("in", "out"))
            },
            "handler": {"push_in_http_port": str(control)}
            | {name: f"ipc://{folder}/run/{name}" for name in ("push_in_spec", "command_spec")},
        }
        for section, values in changes.items():
            config[section].update(values)
        with (folder / "pushpin.conf").open("w") as file:
            config.write(file, space_around_delimiters=False)
        (folder / "routes").write_text(f"* {backend.removeprefix('http://')}\n")
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                ["pushpin", "--merge-output", f"--config={folder}/pushpin.conf"],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        address = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: _answers(address, process, folder))
            print(folder)
            yield address, folder / "output"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    assert process.poll() is None, (folder / "output").read_text()
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health/", timeout=5).status_code == 200
    return False
