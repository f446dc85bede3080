"""Starting, finding and stopping an engine's process.

The process behind a unix socket is known from the socket itself (SO_PEERCRED), so no pid file can lie and whoever
comes next finds the engines that a killed process left.
"""

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from project.engines.failure import Failed

Pause = Callable[[float], None]  # waits that many seconds, or raises to give the whole thing up

_FAILING_START, _SLOW_START, _AGAIN = 15.0, 300.0, 0.3  # seconds
_LOG_BYTES = 10_000_000

_started: dict[Path, subprocess.Popen[bytes]] = {}  # by socket; kept so that they are reaped


class Engine(Protocol):
    """What is needed to run one engine."""

    name: str
    log: Path
    farewell: Sequence[tuple[signal.Signals, float]]  # signals that end it, each with the seconds to wait

    @property
    def socket(self) -> Path:
        """Where it listens."""

    def launch(self, pause: Pause) -> subprocess.Popen[bytes]:
        """Start the process in its own session."""

    def ready(self) -> bool:
        """Whether it answers."""


def peer(path: Path) -> int | None:
    """The pid of the process that listens on a unix socket (0: in another pid namespace), None if there is none."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return None
        pid: int = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid


def ensure(engine: Engine, pause: Pause) -> int:
    """Return the pid of the running engine, started first where it is not running. Hold the start lock.

    A start that fails is tried again for a while: after a kill -9 the remains of the old process take time to die.
    Raises Failed, and whatever pause raises.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < _SLOW_START:
        pid = peer(engine.socket)
        if pid is not None and engine.ready():
            return pid
        if pid is None and not _is_starting(engine):
            if time.monotonic() - begun > _FAILING_START:
                break
            pause(_AGAIN if engine.socket in _started else 0)
            _started[engine.socket] = engine.launch(pause)
        pause(0.03)
    raise Failed(f"{engine.name} does not start; {engine.log} ends with: {_last_line(engine.log)}")


def stop(engines: Iterable[Engine]) -> None:
    """Stop the engines that run, together, within the time of their farewell."""
    leaving = [(engine, handle) for engine in engines if (handle := _handle(engine)) is not None]
    for engine, handle in leaving:
        _send(handle, engine.farewell[0][0])
    for engine, handle in leaving:
        for nth, (number, seconds) in enumerate(engine.farewell):
            if nth > 0:
                _send(handle, number)
            if select.select([handle], [], [], seconds)[0]:
                break
        os.close(handle)
        reap(engine)


def reap(engine: Engine) -> None:
    """Collect the engine's process if it was a child of this one and has ended."""
    child = _started.get(engine.socket)
    if child is not None and child.poll() is not None:
        del _started[engine.socket]


def start(command: Sequence[str], *, log: Path, cwd: Path, configuration: bytes = b"") -> subprocess.Popen[bytes]:
    """Start a process that a Ctrl-C in this terminal does not reach, with its output added to the log."""
    log.parent.mkdir(exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    assert child.stdin is not None
    try:
        child.stdin.write(configuration)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it has ended at once: its log says why
    return child


def run(command: Sequence[str], *, log: Path, cwd: Path, pause: Pause) -> int:
    """Run a command to its end and return its exit code; where pause raises, it and its children are killed."""
    child = start(command, log=log, cwd=cwd)
    try:
        while child.poll() is None:
            pause(0.03)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return child.returncode


def _is_starting(engine: Engine) -> bool:
    child = _started.get(engine.socket)
    return child is not None and child.poll() is None


def _handle(engine: Engine) -> int | None:
    """A pidfd of the engine's process, None if it does not run or cannot be signalled from here."""
    pid = peer(engine.socket)
    if pid is None and _is_starting(engine):
        pid = _started[engine.socket].pid
    try:
        return os.pidfd_open(pid) if pid else None
    except ProcessLookupError:
        return None


def _send(handle: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "nothing")
