"""Many listeners: swarm.c, compiled on its first use."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meter.tables import Lacking

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "madang-meter"
SOURCE = Path(__file__).with_name("swarm.c")


class Swarm:
    """`count` streams that are open when this returns. Leaving the block closes them."""

    def __init__(self, port: int, path: str, count: int, *flags: str, cookies: Sequence[str] = ()) -> None:
        command = [_program(), *flags]
        if cookies:
            file = CACHE / f"cookies-{os.getpid()}"
            file.write_text("\n".join(cookies) + "\n")
            command += ["-c", str(file)]
        command += ["127.0.0.1", str(port), path, str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._answer() != "ready":
            raise Lacking(f"The listeners could not connect to port {port}.")
        if cookies:
            file.unlink()
        if refused := self.report()["refused"]:
            raise Lacking(f"{refused} of {count} listeners were refused; the first answer is above.")

    def __enter__(self) -> "Swarm":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def reset(self) -> None:
        """Begins to count anew."""
        self._say("reset")
        self._answer()

    def report(self) -> Any:
        """What has been counted; the names are in swarm.c."""
        self._say("report")
        return json.loads(self._answer())

    def _say(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        return self._process.stdout.readline().strip()


def _program() -> str:
    CACHE.mkdir(parents=True, exist_ok=True)
    program = CACHE / f"swarm-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        compiler = shutil.which("cc")
        if compiler is None:
            raise Lacking("There is no C compiler (cc) here, which the listeners need; Debian: gcc libc6-dev.")
        fresh = program.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-o", str(fresh), str(SOURCE)], check=True)
        fresh.replace(program)
    return str(program)
