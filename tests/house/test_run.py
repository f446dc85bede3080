"""A person starts Madang, uses it, and stops it; meanwhile things die."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from project.environment import ROOT
from tests.house.conftest import Start
from tests.house.running import Run, assert_gone
from tests.processes import eventually


def test_start_stop_and_start_again_with_all_data(start: Start, tmp_path: Path) -> None:
    deep = tmp_path / "with space, comma" / ("deep" * 25) / "데이터"
    deep.parent.mkdir(parents=True)
    first = start(str(ROOT / "bin" / "run"), data_dir=deep).until_greeted()
    assert "Demo sign-in: alice, bob, jiyoung or olive, password madang\n" in first.said
    assert first.get("/health/").status_code == 200
    assert first.get("/accounts/login/").status_code == 200
    session = _manage(first, "session", "alice").removeprefix("sessionid=").strip()
    assert first.get("/", sessionid=session).status_code in {200, 302}
    assert first.stop(signal.SIGTERM) == 0

    second = start(data_dir=deep).until_greeted()
    assert "/accounts/login/" not in second.get("/", sessionid=session).headers.get("Location", "")
    assert "/accounts/login/" in second.get("/", sessionid="x").headers["Location"]
    assert second.stop(signal.SIGINT, signal.SIGINT, signal.SIGTERM) == 0


@pytest.mark.parametrize("word", ["redis-server", "postgres", "project.serve", "project.work"])
def test_what_dies_comes_back(running: Run, word: str) -> None:
    victim = running.child(word)
    assert victim is not None
    victim.kill()
    eventually(lambda: running.child(word) not in {None, victim}, 5)
    eventually(lambda: _is_ready(running), 5)
    assert "has ended; starting it again." in running.said


def test_a_neighbour_comes_and_goes_and_is_killed(running: Run, start: Start) -> None:
    """What a killed run leaves does not keep the port, and the next run takes over its engines."""
    killed = start().until_greeted()
    eventually(lambda: killed.child("project.work"))
    postgres, server, worker = map(killed.child, ("postgres", "project.serve", "project.work"))
    assert postgres is not None
    assert server is not None
    assert worker is not None
    killed.process.kill()
    killed.process.wait()
    eventually(lambda: not worker.is_running(), 10)
    following = start(PORT=killed.port).until_greeted()
    assert _is_ready(following)
    assert postgres.is_running()
    assert following.stop(signal.SIGTERM) == 0
    assert_gone([postgres, server, worker], killed.data_dir)
    assert _is_ready(running)


@pytest.mark.parametrize("moment", ["lock/run", "postgres.new/PG_VERSION", "postgres/postmaster.pid", "run/redis.sock"])
def test_stop_while_starting(start: Start, tmp_path: Path, moment: str) -> None:
    run = start()
    eventually((tmp_path / "data" / moment).exists)
    assert run.stop(signal.SIGTERM, signal.SIGTERM) == 0
    assert "Traceback" not in run.said
    assert "Madang is at" not in run.said


def test_a_port_somebody_else_has(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "PORT" in _refusal(start, PORT=str(taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "203.0.113.7"),
        ("HOST", "no such host"),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("DATA_DIR", "/dev/null"),
        ("DATA_DIR", "/proc/madang"),
        ("DATABASE_URL", "mysql://alice:s3cret@localhost/madang"),
        ("DATABASE_URL", "postgresql://alice:s3cret@127.0.0.1:1/madang"),
        ("REDIS_URL", "http://:s3cret@localhost"),
        ("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0"),
        ("MADANG_ENV", "staging"),
        ("MADANG_ENV", "production"),  # without SECRET_KEY
    ],
)
def test_a_setting_that_cannot_be_used(start: Start, name: str, value: str) -> None:
    said = _refusal(start, **{name: value})
    assert name in said
    assert "s3cret" not in said


def test_a_data_dir_another_run_has(running: Run, start: Start) -> None:
    assert "another bin/run" in _refusal(start, DATA_DIR=str(running.data_dir))


def test_a_database_that_does_not_exist(running: Run, start: Start) -> None:
    url = f"postgresql://madang@/no_such?host={running.data_dir / 'run'}"
    assert 'database "no_such" does not exist' in _refusal(start, DATABASE_URL=url)


def _refusal(start: Start, **settings: str) -> str:
    """What a run says that cannot start: one line, exit code 2."""
    run = start(**settings)
    assert run.process.wait(10) == 2
    lines = [line for line in run.said.split("\n") if line]
    assert len(lines) == 1, run.said
    return lines[0]


def _manage(run: Run, *arguments: str) -> str:
    command = [sys.executable, ROOT / "manage.py", *arguments]
    environ = os.environ | {"DATA_DIR": str(run.data_dir)}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def _is_ready(run: Run) -> bool:
    try:
        return run.get("/ready/").status_code == 200
    except httpx.TransportError:
        return False
