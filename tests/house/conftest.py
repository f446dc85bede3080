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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that is up."""
    with _ended(Run(tmp_path_factory.mktemp("running") / "data")) as run:
        yield run.until_greeted()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runs, in one DATA_DIR unless told otherwise, and leaves none behind."""
    with contextlib.ExitStack() as runs:

        def _start(*command: str, data_dir: Path = tmp_path / "data", **settings: str) -> Run:
            return runs.enter_context(_ended(Run(data_dir, *command, **settings)))

        yield _start


@contextlib.contextmanager
def _ended(run: Run) -> Iterator[Run]:
    try:
        yield run
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            run.stop(signal.SIGTERM)
        process.stop([Postgres(run.data_dir), Redis(run.data_dir)])
