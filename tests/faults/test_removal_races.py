# ruff: noqa: S311  # nothing here is a secret
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

WAVE = 50
RACES = round(PROFILE.seconds(1000, 100))
APART = 0.02
"""Seconds between one race and the next."""
CLOSE = 0.04
"""Seconds by which a removal may come before or after the connect begins."""
FEW = replace(PROFILE, listeners=10)


def race(it: Scene, wave: int) -> None:
    """One wave, of which every second is removed and the others are signed out."""
    people = create_people(names=[f"racer-{it.room.pk.hex[:8]}-{wave}-{number}" for number in range(WAVE)])
    add_members(room=it.room, people=people)
    head = Room.objects.heads([it.room.pk])[it.room.pk]
    browsers = [it.browser(person, number) for number, person in enumerate(people)]
    begun = time.monotonic() + 0.2
    for number, browser in enumerate(browsers):
        browser.begin_at(head)
        browser.connect_delay = begun + number * APART - time.monotonic()
    it.browsers += browsers
    it.crowd.send(*(browser.run() for browser in browsers))
    for number, (person, browser) in enumerate(zip(people, browsers, strict=True)):
        time.sleep(max(0, begun + number * APART + random.uniform(-CLOSE / 4, CLOSE) - time.monotonic()))
        show_out(it, person, browser, signed_out=number % 2 == 1)
    it.go_on(GRACE_SECONDS + 0.5)


def show_out(it: Scene, person: User, browser: Browser, *, signed_out: bool) -> None:
    if signed_out:
        end_session(person=person, session_key=browser.session)
    else:
        remove_member(room=it.room, person=person)
    browser.observer.removed = time.time()


def races(house: House, count: int) -> Outcome:
    with scene(house, FEW) as it:
        it.write()
        for wave in range(count // WAVE):
            race(it, wave)
        racers = it.browsers[FEW.listeners :]
        outcome = it.settle(5)
        if not outcome.report.anomalies:
            eventually(lambda: all(browser.ended for browser in racers), 5)
        met = sum(browser.connects > 0 for browser in racers)
    outcome.say(f"{count} races of removal against connect, {met} of them were let in at first")
    return outcome


def test_whoever_is_removed_while_connecting_hears_no_more(plant: Plant, settings: LazySettings) -> None:
    settings.REDIS_URL = plant.link.url
    outcome = races(plant.house, RACES)
    outcome.assert_nothing_is_wrong(stalest=2)


def test_not_asking_once_more_leaks(plant: Plant, settings: LazySettings) -> None:
    settings.REDIS_URL = plant.link.url
    careless = stream(REDIS_URL=plant.link.url, **broken.environ("trusts-the-first-answer"))
    with running(careless):
        outcome = races(House(plant.house.web, [careless]), WAVE)
    assert "leak" in outcome.report.anomalies
