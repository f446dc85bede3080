"""Real browsers against a real `bin/run`, or against MADANG_URL."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from e2e.badlink import BadLink, bad_link
from e2e.house import House, house
from e2e.people import Person, change_live

expect.set_options(timeout=10_000)

SYSTEM_CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    executable = os.environ.get("MADANG_CHROMIUM") or (str(SYSTEM_CHROMIUM) if SYSTEM_CHROMIUM.exists() else None)
    args = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    return browser_type_launch_args | {"args": args} | ({"executable_path": executable} if executable else {})


@pytest.fixture(scope="session")
def madang() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="madang-e2e-") as folder, house(Path(folder)) as running:
        yield running


@pytest.fixture
def room(madang: House) -> str:
    """An empty room of alice, bob and jiyoung for one story alone."""
    return madang.rooms.pop()


@pytest.fixture
def long_room(madang: House) -> str:
    """The same with 120 messages, "Line 1" to "Line 120", four by each of them in turn."""
    return madang.long_rooms.pop()


@pytest.fixture
def link(madang: House) -> Iterator[BadLink]:
    """A way to Madang that a story can break: `enter("alice", room, link=link)`."""
    with bad_link(madang.url) as link:
        yield link


Enter = Callable[..., Person]


@pytest.fixture(scope="session")
def signed_in() -> dict[str, Any]:
    """What the browsers of those remember who have signed in once."""
    return {}


@pytest.fixture
def enter(browser: Browser, madang: House, signed_in: dict[str, Any]) -> Iterator[Enter]:
    """`enter("alice", room, …)`: alice in a browser of her own, signed in through the form.

    `link` is her way to Madang, `live` what her pages say of their stream: `{"patience": 2}`.

    With script they sign in once and come back as they were; without it they sign in anew, and may sign out.
    No script of a page may fail, and nothing may offend its policy.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def _enter(
        username: str, room: str = "", link: BadLink | None = None, live: dict[str, float] | None = None, **options: Any
    ) -> Person:
        defaults: dict[str, Any] = {
            "locale": "ko-KR",
            "timezone_id": "Asia/Seoul",
            "viewport": {"width": 1280, "height": 900},
        }
        anew = not options.get("java_script_enabled", True)
        known = None if anew else signed_in.get(username)
        context = browser.new_context(**defaults | options, storage_state=known)
        contexts.append(context)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda message: errors.append(message.text) if _is_violation(message.text) else None)
        if live:
            change_live(context, live)
        person = Person(context, link.url if link else madang.url, username)
        if not known:
            person.sign_in()
        if not known and not anew:
            signed_in[username] = context.storage_state()
        person.open(room) if room else person.page.goto(person.url)
        return person

    yield _enter
    for context in contexts:
        context.close()
    assert errors == []


def _is_violation(text: str) -> bool:
    return "Content Security Policy" in text or "Content-Security-Policy" in text
