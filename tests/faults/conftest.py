import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django import DjangoDbBlocker

from tests.faults.engines import Killable, own_redis
from tests.faults.proxy import Proxy
from tests.faults.scene import PROFILE, House
from tests.processes import running, stream, web


@dataclass(frozen=True, slots=True)
class Plant:
    """A house, and what it hangs on."""

    house: House
    redis: Killable
    link: Proxy


@pytest.fixture(scope="package")
def redis_link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Killable, Proxy]]:
    with own_redis(tmp_path_factory.mktemp("redis")) as engine, Proxy(engine.engine.socket) as link:
        yield engine, link


@pytest.fixture(scope="package")
def plant(
    redis_link: tuple[Killable, Proxy], django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Plant]:
    """Processes that reach a Redis of their own through a proxy. Every test leaves them well."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    engine, link = redis_link
    with django_db_blocker.unblock():
        webs = [web(REDIS_URL=link.url) for _ in range(PROFILE.webs)]
        streams = [stream(REDIS_URL=link.url) for _ in range(PROFILE.streams)]
    with running(*webs, *streams):
        yield Plant(House(webs, streams), engine, link)
