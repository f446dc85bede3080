"""Links that break, lie, stall and lose things; and nobody loses a message."""

import random
import re
import time

from playwright.sync_api import Page, expect

from e2e.badlink import Answer, BadLink
from e2e.conftest import Enter
from e2e.house import House
from e2e.people import assert_replay_equals_reload
from tests.processes import eventually

BAD_GATEWAY: Answer = (502, "text/html", b"<h1>Bad gateway</h1>")
HANG_UP: Answer = (0, "", b"")
PORTAL: Answer = (200, "text/html", b'<title>Portal</title><p id="timeline" hx-swap-oob="true">Pay for the Wi-Fi</p>')
NOTHING: Answer = (204, "text/html", b"")
DRAIN: Answer = (200, "text/event-stream", b'event: closed\ndata: {"reason": "drain", "retry_ms": 2500}\n\n')


def hurry(page: Page) -> None:
    """Says again and again that the network is back, so that pauses are as short as they may be."""
    page.evaluate("setInterval(() => dispatchEvent(new Event('online')), 100)")


def test_what_is_no_stream_is_not_shown_and_not_asked_for_in_a_loop(enter: Enter, link: BadLink, room: str) -> None:
    link.instead = [BAD_GATEWAY, PORTAL, NOTHING, HANG_UP]
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    bob.post("들려요?")
    expect(alice.page.locator("#bar")).to_have_text("다시 연결하는 중…")
    assert alice.page.locator("#timeline").text_content() == ""
    hurry(alice.page)
    expect(alice.texts).to_have_text(["들려요?"])
    expect(alice.page.get_by_text("Bad gateway").or_(alice.page.get_by_text("Wi-Fi"))).to_have_count(0)
    assert alice.page.title().endswith("– 마당")
    assert len(link.asked) == 5
    assert link.asked[-1][0] - link.asked[0][0] > 3.5, "a second lies between two attempts, however great the hurry"


def test_the_bar_tells_what_came_meanwhile_and_goes(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    bar = alice.page.locator("#bar")
    bob.post("하나")
    expect(alice.texts).to_have_text(["하나"])
    link.instead = BAD_GATEWAY
    link.cut()
    said = ["하나", *(f"끊긴 동안 {n}" for n in range(6))]
    for text in said[1:]:
        bob.post(text)
    bob.change(1, "edit", text="하나!")
    expect(bar).to_have_text("다시 연결하는 중…")
    assert alice.texts.all_text_contents() == ["하나"]
    link.instead = None
    hurry(alice.page)
    expect(bar).to_have_text("다시 연결됐어요. 놓친 메시지 6개를 받았어요")
    expect(alice.texts).to_have_text(["하나!", *said[1:]])
    expect(bar).to_have_text("")
    assert_replay_equals_reload(alice.page)


def test_the_bar_counts_in_english(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link, locale="en-US"), enter("bob", room)
    bar = alice.page.locator("#bar")
    eventually(lambda: link.open)
    for texts, words in [
        ([], "Back."),
        (["1"], "Back. 1 message recovered"),
        (["2", "3"], "Back. 2 messages recovered"),
    ]:
        link.instead = HANG_UP
        link.cut()
        expect(bar).to_have_text("Reconnecting…")
        for text in texts:
            bob.post(text)
        link.instead = None
        hurry(alice.page)
        expect(bar).to_have_text(words)


def test_a_short_break_says_nothing(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    eventually(lambda: link.open)
    alice.page.evaluate(
        """() => {
          window.said = [];
          const bar = document.getElementById("bar");
          new MutationObserver(() => said.push(bar.textContent)).observe(bar, {childList: true});
        }"""
    )
    hurry(alice.page)
    link.cut()
    bob.post("금방")
    expect(alice.texts).to_have_text(["금방"])
    assert [text for text in alice.page.evaluate("said") if text] == []


def test_offline_is_said_and_over_at_once(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    bar = alice.page.locator("#bar")
    bob.post("하나")
    expect(alice.texts).to_have_text(["하나"])
    alice.context.set_offline(True)
    expect(bar).to_have_text("오프라인이에요.")
    bob.post("둘")
    start = time.monotonic()
    alice.context.set_offline(False)
    expect(alice.texts).to_have_text(["하나", "둘"])
    assert time.monotonic() - start < 2
    expect(bar).to_have_text("다시 연결됐어요. 놓친 메시지 1개를 받았어요")


def test_a_link_that_went_silent_is_given_up(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link, live={"patience": 3}), enter("bob", room)
    bob.post("하나")
    expect(alice.texts).to_have_text(["하나"])
    link.stall()
    bob.post("둘")
    expect(alice.texts).to_have_text(["하나", "둘"])


def test_what_was_lost_on_the_way_is_noticed_by_the_next_ping(enter: Enter, link: BadLink, room: str) -> None:
    lost: list[bytes] = []

    def lose(frame: bytes) -> bytes:
        if "사라질 글".encode() not in frame or lost:
            return frame
        lost.append(frame)
        return b""

    alice, bob = enter("alice", room, link=link), enter("bob", room)
    eventually(lambda: link.open)
    link.through = lose
    for text in ["하나", "사라질 글", "셋"]:
        bob.post(text)
    expect(alice.texts).to_have_text(["하나", "셋"])
    expect(alice.texts).to_have_text(["하나", "사라질 글", "셋"], timeout=18_000)
    assert lost
    assert link.asked[-1][1] == "1", "asked again from the last before the hole"
    assert_replay_equals_reload(alice.page)


def test_what_could_not_be_swapped_in_comes_again(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    bob.post("하나")
    expect(alice.texts).to_have_text(["하나"])
    fail = """(times) => {
      const timeline = document.getElementById("timeline");
      timeline.appendChild = () => {
        if (--times === 0) delete timeline.appendChild;
        throw new Error("No room for it");
      };
    }"""
    alice.page.evaluate(fail, 1)
    for text in ["둘", "셋"]:
        bob.post(text)
    expect(alice.texts).to_have_text(["하나", "둘", "셋"])
    alice.page.evaluate(fail, 99)
    bob.post("넷")
    expect(alice.texts).to_have_text(["하나", "둘", "셋", "넷"])
    assert_replay_equals_reload(alice.page)


def test_sent_away_they_come_back_when_they_were_told_to(enter: Enter, link: BadLink, room: str) -> None:
    link.instead = [DRAIN]
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    bob.post("다시 왔어요?")
    expect(alice.texts).to_have_text(["다시 왔어요?"])
    (first, _), (second, _) = link.asked
    assert 2.4 < second - first < 5


def test_whoever_is_removed_is_told_so(enter: Enter, link: BadLink, madang: House, room: str) -> None:
    bob, jiyoung = enter("bob", room, link=link), enter("jiyoung", room)
    name = bob.page.locator(".room-title h1").text_content() or ""
    bob.post("마지막 글")
    expect(jiyoung.texts).to_have_text(["마지막 글"])
    link.instead = BAD_GATEWAY
    link.cut()
    hurry(bob.page)
    madang.remove(room, "bob", "jiyoung")
    for person in (jiyoung, bob):  # she is told by the stream, he finds out when he comes back
        expect(person.page.get_by_role("alert")).to_contain_text("이 대화방에서 내보내졌어요")
        expect(person.page.get_by_text("마지막 글")).to_have_count(0)
        expect(person.page.locator("nav.rooms").get_by_text(name, exact=True)).to_have_count(0)
        expect(person.box).to_have_count(0)
        person.page.get_by_role("alert").get_by_role("link").click()
        expect(person.page.locator("#main h1")).not_to_have_text(name)
        link.instead = None


def test_a_page_that_was_put_aside_comes_back_to_life(enter: Enter, link: BadLink, room: str) -> None:
    alice, bob = enter("alice", room, link=link), enter("bob", room)
    eventually(lambda: link.open)
    turn = "name => dispatchEvent(new PageTransitionEvent(name, {persisted: true}))"
    alice.page.evaluate(turn, "pagehide")
    eventually(lambda: not link.open)
    bob.post("어디예요?")
    assert alice.messages.count() == 0
    alice.page.evaluate(turn, "pageshow")
    expect(alice.texts).to_have_text(["어디예요?"])


def test_after_twenty_cuts_nothing_is_missing_and_nothing_double(enter: Enter, link: BadLink, room: str) -> None:
    chance = random.Random(7)  # noqa: S311
    cuts: list[int] = []

    def cut(frame: bytes) -> bytes:
        if len(cuts) == 20 or chance.random() > 0.5:
            return frame
        cuts.append(len(frame))
        return frame[: chance.randrange(1, len(frame))]

    alice, bob = enter("alice", room, link=link), enter("bob", room)
    eventually(lambda: link.open)
    hurry(alice.page)
    link.through = cut
    said: list[str] = []
    while len(cuts) < 20:
        eventually(lambda: link.open or len(cuts) == 20)
        said.append(f"{len(said)}")
        posted = bob.post(said[-1])
        if chance.random() < 0.2:
            said[-1] = "고침"
            bob.change(int(re.findall(r'data-seq="(\d+)"', posted.text())[0]), "edit", text=said[-1])
    expect(alice.texts).to_have_text(said)
    assert_replay_equals_reload(alice.page)
