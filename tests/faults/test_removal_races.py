"""People are removed, or signed out, at the very moment in which they connect: two seconds later they hear nothing."""

import random
import time
from dataclasses import replace

import pytest
from django.conf import LazySettings

from chat.accounts.actions import create_people, end_session
from chat.accounts.models import User
from chat.rooms.actions import add_members, remove_member
from chat.rooms.models import Room
from tests.faults import broken
from tests.faults.browser import Browser
from tests.faults.conftest import Plant
from tests.faults.history import GRACE_SECONDS
from tests.faults.scene import PROFILE, House, Outcome, Scene, scene
from tests.processes import eventually, running, stream

pytestmark = pytest.mark.django_db(transaction=True)

RACES = round(PROFILE.seconds(1000, 100))
BEHIND = 0.05
"""Seconds by which a removal begins after its connect, on average: it meets every step of the way in."""
LONGEST = 0.4
BROKEN_RACES = 30
FEW = replace(PROFILE, listeners=10)


def race(it: Scene, person: User, number: int) -> Browser:
    browser = it.browser(person, number)
    browser.begin_at(Room.objects.heads([it.room.pk])[it.room.pk])
    it.crowd.send(browser.run())
    time.sleep(min(LONGEST, random.expovariate(1 / BEHIND)))
    show_out(it, person, browser, signed_out=number % 2 == 1)
    return browser


def show_out(it: Scene, person: User, browser: Browser, *, signed_out: bool) -> None:
    if signed_out:
        end_session(person=person, session_key=browser.session)
    else:
        remove_member(room=it.room, person=person)
    browser.observer.removed = time.time()


def races(house: House, count: int) -> Outcome:
    with scene(house, FEW) as it:
        people = create_people(names=[f"racer-{it.room.pk.hex[:8]}-{number}" for number in range(count)])
        add_members(room=it.room, people=people)
        it.write()
        racers = [race(it, person, number) for number, person in enumerate(people)]
        it.go_on(GRACE_SECONDS + 1)
        it.browsers += racers
        outcome = it.settle(5)
        if not outcome.report.anomalies:
            eventually(lambda: all(browser.ended for browser in racers), 5)
    met = sum(browser.connects > 0 for browser in racers)
    outcome.say(f"{count} races of removal against connect: {met} let in at first")
    return outcome


def test_whoever_is_removed_while_connecting_hears_no_more(plant: Plant, settings: LazySettings) -> None:
    settings.REDIS_URL = plant.link.url
    outcome = races(plant.house, RACES)
    outcome.assert_nothing_is_wrong(stalest=10)  # of those, too, who come back to what they had missed


def test_not_asking_once_more_leaks(plant: Plant, settings: LazySettings) -> None:
    settings.REDIS_URL = plant.link.url
    careless = stream(REDIS_URL=plant.link.url, **broken.environ("trusts-the-first-answer"))
    with running(careless):
        outcome = races(House(plant.house.web, [careless]), BROKEN_RACES)
    assert "leak" in outcome.report.anomalies
