"""Madang started by its command, as a person starts it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psutil

from project.environment import ROOT
from tests.processes import eventually, free_port

OURS = ("HOST", "PORT", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "MADANG_ENV", "DJANGO_SETTINGS_MODULE", "SECRET_KEY")
DIRECT = (sys.executable, "-m", "project.run")


class Run:
    """One bin/run and all processes that came from it."""

    def __init__(self, data_dir: Path, *command: str, **settings: str) -> None:
        self.port = settings.setdefault("PORT", str(free_port()))
        self.data_dir = data_dir
        self._log = Path(tempfile.mkstemp(prefix="said-", dir=data_dir.parent)[1])
        environ = {name: value for name, value in os.environ.items() if name not in OURS}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command or DIRECT,
                cwd=ROOT,
                env=environ | {"DATA_DIR": str(data_dir)} | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_greeted(self) -> "Run":
        eventually(lambda: "Ctrl-C" in self.said or self.process.poll() is not None)
        assert f"Madang is at {self.address}/\n" in self.said
        return self

    def get(self, path: str, **cookies: str) -> httpx.Response:
        return httpx.get(self.address + path, cookies=cookies, timeout=10)

    def child(self, word: str) -> psutil.Process | None:
        """The process with this word in its command line that the run itself started."""
        return next((each for each in psutil.Process(self.process.pid).children() if word in _words(each)), None)

    def family(self) -> list[psutil.Process]:
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def stop(self, *signals: signal.Signals) -> int:
        """Signal the whole process group, as a terminal does; the exit code. Nothing may be left after ten seconds."""
        family = self.family()
        for number in signals:
            os.killpg(self.process.pid, number)
        code = self.process.wait(10)
        assert_gone(family, self.data_dir)
        return code


def assert_gone(family: list[psutil.Process], data_dir: Path) -> None:
    """Within ten seconds none of the family lives, nor any process that names the folder."""
    eventually(lambda: not [each for each in family if _lives(each)], 10)
    eventually(lambda: not [each for each in psutil.process_iter() if str(data_dir) in _words(each)], 10)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # one that nobody collected has ended all the same
    except psutil.NoSuchProcess:
        return False


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
