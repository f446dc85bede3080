# ruff: noqa: S311  # nothing here is a secret
"""Builds that are broken on purpose: processes in which a module of the product is changed as it is imported.

Nothing in the product knows of this. `environ` makes a process such a one.
"""

import asyncio
import importlib.util
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LONGEST_DELAY = 0.2
DEATH, SKIP, ROLLBACK = 40, 5, 7
"""Every so many posts."""

Patch = Callable[[Any], None]
News = Any


def environ(*names: str) -> dict[str, str]:
    """The environment of a process that is broken in these ways."""
    return {"FAULTS_BREAK": ",".join(names), "PYTHONPATH": f"{HERE / 'site'}{os.pathsep}{ROOT}"}


def install(names: Iterable[str]) -> None:
    """From now on the modules come broken."""
    sys.meta_path.insert(0, _Breaker([(module, patch) for name in names for module, patch in BUILDS[name]]))


class _Breaker(MetaPathFinder):
    def __init__(self, patches: list[tuple[str, Patch]]) -> None:
        self._patches = patches

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        patches = [patch for module, patch in self._patches if module == name]
        self._patches = [each for each in self._patches if each[0] != name]
        spec = importlib.util.find_spec(name) if patches else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_broken(module: ModuleType) -> None:
            execute(module)
            for patch in patches:
                patch(module)

        spec.loader.exec_module = execute_broken  # type: ignore[method-assign]
        return spec


# --- between the commit and the announcement ---------------------------------------------------------------------


def _between(do: Callable[[Callable[[], None]], None]) -> Patch:
    """`do` is called after the commit, with what would publish."""

    def patch(actions: Any) -> None:
        announce = actions.announce

        def announce_later(*news: News) -> None:
            actions.transaction.on_commit(lambda: do(lambda: announce(*news)))

        actions.announce = announce_later

    return patch


def _every(count: int) -> Callable[[], bool]:
    numbers = itertools.count(1)
    return lambda: next(numbers) % count == 0


def _skipping() -> Patch:
    now = _every(SKIP)
    return _between(lambda publish: None if now() else publish())


def _dying() -> Patch:
    now = _every(DEATH)
    return _between(lambda publish: os.kill(os.getpid(), signal.SIGKILL) if now() else publish())


def _dawdle(publish: Callable[[], None]) -> None:
    time.sleep(random.uniform(0, LONGEST_DELAY))
    publish()


# --- what a careless author would have written ---------------------------------------------------------------------


def _announce_before_the_commit(actions: Any) -> None:
    now = _every(ROLLBACK)
    announcing = importlib.import_module("chat.stream.announce")

    def announce_at_once(*news: News) -> None:
        announcing._publish(news)
        if now():
            raise RuntimeError("rolled back")

    actions.announce = announce_at_once


def _send_as_it_comes(module: Any) -> None:
    receive = module.Hub._receive

    def receive_at_once(hub: Any, name: str, payload: bytes) -> None:
        news = module.Envelope.unpack(payload)
        topic = hub._topics.get(name)
        if not news.seq or topic is None:
            receive(hub, name, payload)
            return
        topic.head = max(topic.head or 0, news.seq)
        for listener in tuple(topic.listeners):
            listener.cursor = topic.head
            listener.push(hub.wire.change(news.seq, news.data))

    module.Hub._receive = receive_at_once


def _ignore_gaps(module: Any) -> None:
    async def compare_nothing(hub: Any) -> None:
        pass

    module.Hub._doubt = lambda hub, topic: None
    module.Hub._compare_heads = compare_nothing
    module.Topic.offer = module.Topic.emit


def _trust_the_first_answer(seats: Any) -> None:
    async def may_stay(self: Any, seat: Any) -> set[str]:
        return set()

    seats.Seats.may_stay = may_stay


def _dawdle_at_the_door(asgi: Any) -> None:
    hold = asgi.Madang._hold

    async def hold_later(self: Any, *args: Any) -> None:
        await asyncio.sleep(random.uniform(0, LONGEST_DELAY))
        await hold(self, *args)

    asgi.Madang._hold = hold_later


BUILDS: dict[str, list[tuple[str, Patch]]] = {
    "dies-before-publishing": [("chat.messages.actions", _dying())],
    "skips-publishing": [("chat.messages.actions", _skipping())],
    "never-publishes": [("chat.messages.actions", _between(lambda publish: None))],
    "dawdles": [("chat.messages.actions", _between(_dawdle))],
    "announces-before-the-commit": [("chat.messages.actions", _announce_before_the_commit)],
    "sends-as-it-comes": [("chat.stream.hub", _send_as_it_comes)],
    "ignores-gaps": [("chat.stream.hub", _ignore_gaps)],
    "trusts-the-first-answer": [("chat.live.seats", _trust_the_first_answer), ("chat.live.asgi", _dawdle_at_the_door)],
}
