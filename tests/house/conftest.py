import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from project.engines import process
from project.engines.postgres import Postgres
from project.engines.redis import Redis
from tests.house.running import Run

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runs, in one DATA_DIR unless told otherwise, and leaves none behind."""
    runs: list[Run] = []

    def _start(*command: str, data_dir: Path = tmp_path / "data", **settings: str) -> Run:
        runs.append(Run(data_dir, *command, **settings))
        return runs[-1]

    yield _start
    for run in runs:
        with contextlib.suppress(psutil.NoSuchProcess):
            run.stop(signal.SIGTERM)
        process.stop([Postgres(run.data_dir), Redis(run.data_dir)])
