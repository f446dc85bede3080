"""The checker can fail: builds that are broken on purpose are found out, each by what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults import broken
from tests.faults.conftest import Plant
from tests.faults.engines import kill_pubsub_clients
from tests.faults.scene import House, Outcome, Profile, Scene, scene
from tests.processes import running, stream, web

pytestmark = pytest.mark.django_db(transaction=True)

SMALL = Profile(rate=20, listeners=20, webs=2, streams=1, full=False)


@contextmanager
def broken_scene(plant: Plant, *, webs: str = "", streams: str = "") -> Iterator[Scene]:
    """With whole processes of the plant where nothing is to be broken."""
    fresh_webs = [web(REDIS_URL=plant.link.url, **broken.environ(webs)) for _ in range(SMALL.webs if webs else 0)]
    fresh_streams = [stream(REDIS_URL=plant.link.url, **broken.environ(streams)) for _ in range(1 if streams else 0)]
    with running(*fresh_webs, *fresh_streams):
        house = House(fresh_webs or plant.house.web, fresh_streams or plant.house.stream)
        with scene(house, SMALL) as it:
            it.write()
            it.go_on(1)
            yield it


def found(outcome: Outcome, name: str) -> set[str]:
    outcome.say(f"broken on purpose, {name}")
    return set(outcome.report.anomalies)


def test_a_hub_that_sends_as_it_comes_is_out_of_order(plant: Plant) -> None:
    with broken_scene(plant, webs="dawdles", streams="sends-as-it-comes") as it:
        it.go_on(3)
        assert "out_of_order" in found(it.settle(2), "sends as it comes")


def test_a_hub_that_ignores_gaps_loses(plant: Plant) -> None:
    with broken_scene(plant, streams="ignores-gaps") as it:
        for _ in range(6):
            kill_pubsub_clients(plant.redis)
            it.go_on(0.5)
        assert {"lost", "hole"} <= found(it.settle(2), "ignores gaps")


def test_announcing_before_the_commit_makes_ghosts(plant: Plant) -> None:
    with broken_scene(plant, webs="announces-before-the-commit") as it:
        it.go_on(3)
        assert "ghost" in found(it.settle(2), "announces before the commit")
