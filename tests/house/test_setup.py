"""The first start on a machine that has only a Python."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from project.environment import ROOT
from tests.house.running import assert_gone
from tests.processes import eventually

SAYS = "import sys; print(sys.prefix)"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with a space in its path that needs no packages."""
    root = tmp_path / "a clone"
    for name in ("bin/setup", "project/setup.py"):
        (root / name).parent.mkdir(parents=True)
        shutil.copy2(ROOT / name, root / name)
    (root / "requirements.lock").write_text("")
    return root


def test_install_once_and_again_where_the_clone_was_moved(clone: Path, tmp_path: Path) -> None:
    assert _set_up(clone) == f"Installing Madang's packages (once)…\n{clone / '.venv'}\n"
    assert _set_up(clone) == f"{clone / '.venv'}\n"
    moved = clone.rename(tmp_path / "moved")
    (moved / ".venv" / "bin" / "python3").unlink()  # and its Python has gone
    assert _set_up(moved) == f"Installing Madang's packages (once)…\n{moved / '.venv'}\n"


def test_stop_while_installing_and_start_again(clone: Path) -> None:
    (clone / "requirements.lock").write_text("a-package-that-is-not-there==1 --hash=sha256:0\n")
    run = _start(clone)
    eventually((clone / ".venv" / "bin" / "python").exists)
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    assert len(family) > 1
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=10)
    assert run.returncode == 0
    assert said == "Installing Madang's packages (once)…\n"
    assert_gone(family, clone)
    (clone / "requirements.lock").write_text("")
    assert _set_up(clone).endswith(f"{clone / '.venv'}\n")


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("exit 3", "Madang needs Python 3.11 or newer; install it (Debian, Ubuntu: apt-get install python3 "),
        ("exit 1", "Madang needs the venv module of python3; install it (Debian, Ubuntu: apt-get install "),
    ],
)
def test_a_machine_without_a_fit_python(clone: Path, tmp_path: Path, python: str, sentence: str) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (programs / "python3").chmod(0o755)
    (programs / "dirname").symlink_to(shutil.which("dirname") or "")
    run = _start(clone, PATH=str(programs))
    said, _ = run.communicate(timeout=10)
    assert run.returncode == 2
    assert said.startswith(sentence)
    assert said.count("\n") == 1


def _start(clone: Path, **environ: str) -> "subprocess.Popen[str]":
    command = [clone / "bin" / "setup", "requirements.lock", clone / ".venv" / "bin" / "python", "-c", SAYS]
    out = subprocess.PIPE
    return subprocess.Popen(command, cwd="/", env=os.environ | environ, stdout=out, stderr=subprocess.STDOUT, text=True)


def _set_up(clone: Path) -> str:
    run = _start(clone)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    return said
