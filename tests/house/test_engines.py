"""The embedded engines: shared by all who use a DATA_DIR, gone with the last, alive after anything."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from project import engines, environment
from project.engines import process, sockets
from project.engines.account import Account, engines_account
from project.engines.postgres import Postgres
from project.engines.redis import Redis
from project.environment import ROOT, Environment
from tests.house.running import assert_gone

BORROW = """
import sys
from project import engines, environment
with engines.borrowed(environment.read()):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Environment]:
    environ = environment.read({"DATA_DIR": str(tmp_path / "data")})
    yield environ
    process.stop([Postgres(environ.data_dir), Redis(environ.data_dir)])


def test_the_last_who_leaves_stops_them(here: Environment) -> None:
    first, second = _borrower(here), _borrower(here)
    _until_up(first)
    _until_up(second)
    pids = _pids(here)
    first.communicate(timeout=10)
    assert _pids(here) == pids
    _connect(here).close()
    second.communicate(timeout=10)
    assert _pids(here) == [None, None]
    assert_gone([], here.data_dir)


def test_who_comes_while_the_last_leaves_has_engines_all_the_same(here: Environment) -> None:
    leaving = _borrower(here)
    _until_up(leaving)
    for _ in range(6):
        coming = _borrower(here)
        leaving.communicate(timeout=20)
        _until_up(coming)
        _connect(here).close()
        leaving = coming
    leaving.communicate(timeout=20)
    assert _pids(here) == [None, None]


def test_a_killed_borrower_leaves_them_to_the_next(here: Environment) -> None:
    killed = _borrower(here)
    _until_up(killed)
    pids = _pids(here)
    killed.kill()
    killed.communicate()
    with engines.borrowed(here):
        assert _pids(here) == pids
    assert _pids(here) == [None, None]


def test_a_row_outlives_the_kill_of_a_busy_postgres(here: Environment) -> None:
    with engines.borrowed(here):
        with _connect(here) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
            connection.commit()
        # A backend in the middle of a statement outlives its postmaster, and keeps the memory, for a while.
        busy = psycopg.connect(_conninfo(here), application_name="busy", autocommit=True)
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 20000000)")
        pid = _pids(here)[0]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert process.ensure(Postgres(here.data_dir), time.sleep) != pid
        busy.close()
        with _connect(here) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_lock_file_whose_pid_another_program_got(here: Environment) -> None:
    with engines.borrowed(here):
        lock = here.data_dir / "postgres" / "postmaster.pid"
        left = lock.read_text().split("\n")
    account = engines_account(here.data_dir) or Account(os.getuid(), os.getgid())
    other = subprocess.Popen(["sleep", "60"], user=account.uid)
    lock.write_text("\n".join([str(other.pid), *left[1:]]))
    try:
        with engines.borrowed(here):
            assert _pids(here)[0] is not None
    finally:
        other.kill()
        other.wait()


def test_a_redis_that_a_killed_borrower_left_out_of_reach(here: Environment) -> None:
    killed = _borrower(here)
    _until_up(killed)
    stray = _pids(here)[1]
    killed.kill()
    killed.communicate()
    Redis(here.data_dir).socket.unlink()
    with engines.borrowed(here):
        assert _pids(here)[1] not in {None, stray}
    assert_gone([], here.data_dir)


def test_a_redis_server_that_is_a_link_to_a_program_of_many_names(
    here: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's redis-server is one."""
    program = tmp_path / "redis-check-rdb"
    real = shutil.which("redis-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    program.write_text(f'#!/bin/sh\ncase $0 in */redis-server) exec {real} "$@" ;; esac\necho Usage >&2; exit 1\n')
    program.chmod(0o755)
    (tmp_path / "redis-server").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with engines.borrowed(here), redis.Redis.from_url(engines.redis.url(here)) as client:
        assert client.ping()


def test_redis_runs_no_scripts_and_keeps_nothing(here: Environment) -> None:
    with engines.borrowed(here), redis.Redis.from_url(engines.redis.url(here)) as client:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.eval("return 1", 0)
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("port") == {"port": "0"}


@pytest.mark.parametrize("name", ["x" * 120, "a,b", 'quo"te'])
def test_sockets_of_an_awkward_data_dir(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = tmp_path / name
    data_dir.mkdir()
    place = sockets.make(data_dir, None)
    assert len(os.fsencode(place / ".s.PGSQL.5432")) <= 107
    assert place.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert sockets.folder(data_dir) == place
    shutil.copytree(data_dir, tmp_path / f"{name}2", symlinks=True)
    assert sockets.folder(tmp_path / f"{name}2") != place
    place.rmdir()


def test_sockets_are_not_put_into_a_folder_open_to_others(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 120)
    data_dir.mkdir()
    trap = sockets.folder(data_dir)
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    place = sockets.make(data_dir, None)
    assert place != trap
    assert place.stat().st_mode & 0o077 == 0
    assert sockets.folder(data_dir) == place
    place.rmdir()
    trap.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as an ordinary user already")
def test_an_ordinary_user(here: Environment) -> None:
    here.data_dir.mkdir()
    os.chown(here.data_dir, 65534, 65534)
    # Reading is allowed everywhere, because the Python that runs the tests may lie in root's home.
    see = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    user = _borrower(here, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *see)
    _until_up(user)
    assert {path.stat().st_uid for path in here.data_dir.iterdir()} == {65534}
    _connect(here).close()
    user.communicate(timeout=10)
    assert _pids(here) == [None, None]


def _borrower(here: Environment, *switch: str) -> "subprocess.Popen[str]":
    command = [*switch, sys.executable, "-c", BORROW]
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(here.data_dir), "PYTHONDONTWRITEBYTECODE": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdin=pipe, stdout=pipe, text=True)


def _until_up(borrower: "subprocess.Popen[str]") -> None:
    assert borrower.stdout is not None
    assert borrower.stdout.readline() == "up\n"


def _pids(here: Environment) -> list[int | None]:
    return [process.peer(each(here.data_dir).socket) for each in (Postgres, Redis)]


def _conninfo(here: Environment) -> str:
    settings = engines.postgres.django_settings(here)
    return psycopg.conninfo.make_conninfo(host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"])


def _connect(here: Environment) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(_conninfo(here))
