"""Make `.venv` hold the packages of a lock file, then become the given command in the repository's root.

Run by bin/setup with a plain Python: only the standard library, nothing of this project.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
HELD_BY = {"requirements.lock": ("requirements.lock", "requirements-test.lock")}  # the second names all of the first
_ENDINGS = (signal.SIGINT, signal.SIGTERM)

_stops: list[int] = []  # the signals that asked for the end


def main(lock: str = "requirements.lock", *command: str) -> int:
    """Install, then become the command."""
    hands_over = command[:1] == (str(PYTHON),)  # to a program of ours, that is stopped with exit code 0
    for number in _ENDINGS:
        signal.signal(number, _note_stop)
    installed = _have_installed(lock)
    if hands_over:
        # A signal from here on waits until that program unblocks it, ready to end in good order.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    if _stops:
        return 0 if hands_over else 128 + _stops[0]
    if not installed:
        print("Madang's packages could not be installed; pip's words are above.", file=sys.stderr)
        return 1
    if command:
        os.chdir(ROOT)
        os.execv(command[0], command)  # noqa: S606
    return 0


def _have_installed(lock: str) -> bool:
    with _alone():
        if _stops or _is_installed(lock):
            return True
        print("Installing Madang's packages (once)…", flush=True)
        return _install(lock)


def _note_stop(number: int, _frame: FrameType | None) -> None:
    _stops.append(number)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let only one process install at a time. The lock is on the folder itself, so it leaves no file behind."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        while not _stops and not _try_lock(folder):
            time.sleep(0.1)
        yield
    finally:
        os.close(folder)


def _try_lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_installed(lock: str) -> bool:
    if not STAMP.exists():
        return False
    stamp = STAMP.read_text()
    held = stamp.split(" ")[0]
    return held in HELD_BY.get(lock, (lock,)) and (ROOT / held).exists() and stamp == _stamp(held)


def _stamp(lock: str) -> str:
    """What must be unchanged: the lock, where .venv stands (its scripts name that), and the Python behind it."""
    digest = hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
    return f"{lock} {digest}\n{VENV}\n{_version()}\n"


def _version() -> str:
    try:
        said = subprocess.run([PYTHON, "-VV"], capture_output=True, text=True, check=False)
    except OSError:  # no .venv, or its Python has gone
        return ""
    return said.stdout


def _install(lock: str) -> bool:
    """True if all went well. The stamp is written last, so what was cut short is made from nothing next time."""
    fit = STAMP.exists() and STAMP.read_text().split("\n")[1:] == _stamp(lock).split("\n")[1:] and _version()
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()  # what a link leads to is somebody else's
    STAMP.unlink(missing_ok=True)
    if not fit:
        shutil.rmtree(VENV, ignore_errors=True)
        if not _run(_base_python(), "-I", "-m", "venv", str(VENV)):
            return False
    how = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes"]
    if not _run(str(PYTHON), "-I", "-m", "pip", "install", *how, "--requirement", str(ROOT / lock)):
        return False
    STAMP.write_text(_stamp(lock))
    return True


def _base_python() -> str:
    """The Python that runs this, and not the one in a .venv that may be about to go."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _run(*command: str) -> bool:
    """Run a command in a session of its own, so that all of it can be ended when this process is asked to stop."""
    if _stops:
        return False
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(0.1) == 0 and not _stops
        if _stops:
            os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
