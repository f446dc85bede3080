"""Whatever goes wrong beneath, nothing is lost, doubled, disordered, left out or made up, and all is seen soon.

FAULTS=full makes the scenes as big and as long as they have to hold.
"""

import itertools
import signal

import pytest

from tests.faults import broken
from tests.faults.conftest import Plant
from tests.faults.engines import kill_pubsub_clients
from tests.faults.proxy import Link
from tests.faults.scene import PROFILE, House, scene
from tests.processes import running, web

pytestmark = pytest.mark.django_db(transaction=True)

NOTICED = 15
"""Seconds. A lost announcement is found when heads are compared, every 12 s, and read then."""


def test_no_fault(plant: Plant) -> None:
    with scene(plant.house) as it:
        it.write()
        it.go_on(PROFILE.seconds(60, 5))
        outcome = it.settle()
    outcome.say("no fault")
    outcome.assert_nothing_is_wrong(stalest=2)
    assert outcome.connects == PROFILE.listeners
    assert not outcome.refusals


def test_redis_is_killed_and_comes_back(plant: Plant) -> None:
    with scene(plant.house) as it:
        it.write()
        it.go_on(1)
        plant.link.set(Link.REFUSED)
        plant.redis.kill()
        it.go_on(PROFILE.seconds(10, 4))
        plant.redis.start()
        plant.link.set(Link.OPEN)
        it.go_on(PROFILE.seconds(20, 2))
        outcome = it.settle()
    outcome.say("kill -9 Redis")
    outcome.assert_nothing_is_wrong(stalest=10)
    assert outcome.connects == PROFILE.listeners  # the streams stay
    assert not outcome.refusals


def test_the_listening_connections_are_killed(plant: Plant) -> None:
    with scene(plant.house) as it:
        it.write()
        for _ in range(round(PROFILE.seconds(30, 6) / PROFILE.seconds(2, 1))):
            kill_pubsub_clients(plant.redis)
            it.go_on(PROFILE.seconds(2, 1))
        outcome = it.settle()
    outcome.say("CLIENT KILL TYPE pubsub")
    outcome.assert_nothing_is_wrong(stalest=5)
    assert outcome.connects == PROFILE.listeners


def test_the_link_to_redis_is_half_open(plant: Plant) -> None:
    with scene(plant.house) as it:
        it.write()
        it.go_on(1)
        plant.link.set(Link.HALF_OPEN)
        it.go_on(PROFILE.seconds(30, 3))
        plant.link.set(Link.OPEN)
        it.go_on(PROFILE.seconds(10, 2))
        outcome = it.settle()
    outcome.say("Redis half-open")
    outcome.assert_nothing_is_wrong(stalest=NOTICED)
    assert outcome.connects == PROFILE.listeners


def test_one_process_after_the_other_is_killed(plant: Plant) -> None:
    pause = PROFILE.seconds(10, 2)
    alternating = itertools.chain.from_iterable(itertools.zip_longest(plant.house.stream, plant.house.web))
    with scene(plant.house) as it:
        it.write()
        for process in filter(None, alternating):
            it.go_on(pause / 2)
            process.kill()
            process.start()
            it.go_on(pause / 2)
        outcome = it.settle()
    outcome.say("kill -9 of one process after the other")
    outcome.assert_nothing_is_wrong(stalest=NOTICED)
    for process in plant.house.processes:
        process.wait_ready()


def test_processes_die_between_commit_and_announcement(plant: Plant) -> None:
    webs = [web(REDIS_URL=plant.link.url, **broken.environ("dies-before-publishing")) for _ in range(PROFILE.webs)]
    deaths = 0
    with running(*webs), scene(House(webs, plant.house.stream)) as it:
        it.write()
        for _ in range(round(PROFILE.seconds(30, 6))):
            it.go_on(1)
            for process in webs:
                if process.died():
                    deaths += 1
                    process.start()
        outcome = it.settle()
    outcome.say(f"{deaths} deaths between commit and announcement")
    outcome.assert_nothing_is_wrong(stalest=NOTICED)
    assert deaths


def test_nothing_is_announced(plant: Plant) -> None:
    webs = [web(REDIS_URL=plant.link.url, **broken.environ("never-publishes"))]
    with running(*webs), scene(House(webs, plant.house.stream)) as it:
        it.write()
        it.go_on(PROFILE.seconds(20, 2))
        outcome = it.settle()
    outcome.say("nothing is announced")
    outcome.assert_nothing_is_wrong(stalest=NOTICED)


@pytest.mark.parametrize("kind", ["stream", "web"] if PROFILE.full else ["stream"])
def test_a_process_stands_still(plant: Plant, kind: str) -> None:
    still = getattr(plant.house, kind)[0]
    seconds = PROFILE.seconds(40, 5)
    with scene(plant.house) as it:
        it.write()
        it.go_on(1)
        still.signal(signal.SIGSTOP)
        it.go_on(seconds)
        still.signal(signal.SIGCONT)
        it.go_on(PROFILE.seconds(10, 2))
        outcome = it.settle()
    outcome.say(f"SIGSTOP of one {kind} process")
    outcome.assert_nothing_is_wrong(stalest=seconds + 5)


def test_processes_announce_late_and_in_disorder(plant: Plant) -> None:
    count = round(PROFILE.seconds(8, 3))
    webs = [web(REDIS_URL=plant.link.url, **broken.environ("dawdles")) for _ in range(count)]
    with running(*webs), scene(House(webs, plant.house.stream)) as it:
        it.write()
        it.go_on(PROFILE.seconds(30, 5))
        outcome = it.settle()
    outcome.say(f"{count} processes that announce up to 0.2 s late")
    outcome.assert_nothing_is_wrong(stalest=3)
