"""One browser, many tabs and windows."""

import time

from playwright.sync_api import Page, expect

from e2e.badlink import BadLink
from e2e.conftest import Enter
from e2e.people import Person, assert_replay_equals_reload
from tests.processes import eventually

VISIBILITY = """
let isHidden = false;
Object.defineProperty(Document.prototype, "hidden", {get: () => isHidden});
Object.defineProperty(Document.prototype, "visibilityState", {get: () => isHidden ? "hidden" : "visible"});
window.turnAway = (away) => {
  isHidden = away;
  document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
};
"""
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {get: () => undefined})"


def tab(person: Person, room: str) -> Page:
    """One more tab of this person. It counts as visible until it is turned away."""
    page = person.context.new_page()
    page.goto(f"{person.url}/rooms/{room}/")
    return page


def without_a_tab(person: Person, *scripts: str) -> Person:
    """Their tabs will run these scripts first; the one they came in by is out of the way."""
    for script in scripts:
        person.context.add_init_script(script)
    person.page.goto("about:blank")
    return person


def test_the_eighth_window_opens_quickly_and_all_of_them_hear(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    windows = [alice.page]
    for _ in range(7):
        eventually(lambda: link.open)
        start = time.monotonic()
        windows.append(tab(alice, room))
        assert time.monotonic() - start < 2
    bob.post("다들 들려요?")
    expect(windows[-1].locator("#timeline .bubble")).to_have_text(["다들 들려요?"], timeout=1_000)
    for window in windows:
        expect(window.locator("#timeline .bubble")).to_have_text(["다들 들려요?"], timeout=25_000)
    assert link.most <= 4
    start = time.monotonic()
    windows[0].reload()
    assert time.monotonic() - start < 2


def test_hidden_tabs_let_go_but_one_that_counts_in_its_title(enter: Enter, link: BadLink, room: str) -> None:
    bob = enter("bob", room)
    alice = without_a_tab(enter("alice", link=link, live={"linger": 0}), VISIBILITY)
    first = tab(alice, room)
    eventually(lambda: len(link.open) == 1)
    second = tab(alice, room)
    eventually(lambda: len(link.open) == 2)
    title = first.title()

    for page in (second, first):
        page.evaluate("turnAway(true)")
    eventually(lambda: len(link.open) == 1)
    bob.post("하나")
    expect(first).to_have_title(f"(1) {title}")
    bob.post("둘")
    bob.change(2, "edit", text="둘!")
    expect(first.locator("#timeline .bubble")).to_have_text(["하나", "둘!"])
    expect(first).to_have_title(f"(2) {title}")
    assert second.locator("#timeline .message").count() == 0
    expect(second).to_have_title(title)

    first.evaluate("turnAway(false)")
    expect(first).to_have_title(title)
    second.evaluate("turnAway(false)")
    expect(second.locator("#timeline .bubble")).to_have_text(["하나", "둘!"])
    assert_replay_equals_reload(second)


def test_another_tab_leads_when_the_leader_is_closed(enter: Enter, link: BadLink, room: str) -> None:
    bob = enter("bob", room)
    alice = without_a_tab(enter("alice", link=link, live={"linger": 0}), VISIBILITY)
    first = tab(alice, room)
    eventually(lambda: len(link.open) == 1)
    second = tab(alice, room)
    eventually(lambda: len(link.open) == 2)
    for page in (first, second):
        page.evaluate("turnAway(true)")
    eventually(lambda: len(link.open) == 1)
    title = second.title()
    first.close()
    bob.post("아직 있어요?")
    expect(second.locator("#timeline .bubble")).to_have_text(["아직 있어요?"])
    expect(second).to_have_title(f"(1) {title}")


def test_what_comes_in_other_rooms_counts_too(enter: Enter, long_room: str, room: str) -> None:
    alice, bob = without_a_tab(enter("alice"), VISIBILITY), enter("bob", room)
    page = tab(alice, room)
    title = page.title()
    page.evaluate(
        """() => {
          window.news = [];
          document.addEventListener("madang:news", ({detail}) => news.push(detail.room));
          turnAway(true);
        }"""
    )
    bob.post("여기")
    expect(page).to_have_title(f"(1) {title}")
    bob.post("저기", long_room)
    expect(page).to_have_title(f"(2) {title}")
    assert page.evaluate("news") == [room, long_room]


def test_without_web_locks_hidden_tabs_let_go_and_come_back(enter: Enter, link: BadLink, room: str) -> None:
    bob = enter("bob", room)
    alice = without_a_tab(enter("alice", link=link, live={"linger": 0}), VISIBILITY, NO_LOCKS)
    page = tab(alice, room)
    eventually(lambda: len(link.open) == 1)
    page.evaluate("turnAway(true)")
    eventually(lambda: not link.open)
    bob.post("보여요?")
    page.evaluate("turnAway(false)")
    expect(page.locator("#timeline .bubble")).to_have_text(["보여요?"])
