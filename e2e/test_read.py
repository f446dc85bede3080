"""Reading: days and runs, what came earlier, what comes while one reads, and a connection that comes and goes."""

import re

from playwright.sync_api import Page, expect

from e2e.conftest import Enter
from e2e.house import House
from e2e.people import assert_replay_equals_reload, shown


def marks(page: Page) -> list[str]:
    return list(
        page.locator("#timeline").evaluate(
            "log => [...log.children].map((each) => each.matches('.message') ? each.id : each.className)"
        )
    )


def test_days_and_runs_are_told_apart(enter: Enter, madang: House) -> None:
    alice = enter("alice", madang.old_room, timezone_id="UTC")
    kinds = [mark if mark in {"day", "run"} else "message" for mark in marks(alice.page)]
    assert kinds == [
        *("day", "run", "message", "message", "run", "message", "run", "message"),
        *("day", "run", "message", "run", "message"),
    ]
    days = alice.page.locator("#timeline .day").all_text_contents()
    assert re.fullmatch(r"\d{4}년 \d{1,2}월 \d{1,2}일 [월화수목금토일]요일", days[0])
    assert days[1] == "어제"
    seen = "names => names.filter(name => name.offsetWidth > 1).map(name => name.textContent)"
    assert alice.page.locator(".message-name").evaluate_all(seen) == [
        "Bob Larsen",
        "Bob Larsen",
        "김지영",
        "김지영",
    ]
    expect(alice.page.locator(".message time").first).to_have_text("오후 12:00")
    alice.write("오늘도")
    expect(alice.page.locator("#timeline .day").last).to_have_text("오늘")
    assert_replay_equals_reload(alice.page)


def test_the_page_is_the_same_with_and_without_script(enter: Enter, long_room: str) -> None:
    with_script = enter("bob", long_room, timezone_id="UTC", locale="en-US")
    without = enter("bob", long_room, timezone_id="UTC", locale="en-US", java_script_enabled=False)
    assert marks(with_script.page) == marks(without.page)
    day = "#timeline .day"
    assert (
        with_script.page.locator(day).all_text_contents() == without.page.locator(day).all_text_contents() == ["Today"]
    )
    assert with_script.page.locator(day).evaluate("each => each.offsetTop") == without.page.locator(day).evaluate(
        "each => each.offsetTop"
    )


def test_earlier_messages_come_without_moving_what_one_reads(enter: Enter, long_room: str) -> None:
    alice = enter("alice", long_room)
    expect(alice.texts.last).to_be_in_viewport()
    for count in (100, 120):
        alice.page.locator(".scroll").evaluate("scroller => scroller.scrollTop = -scroller.scrollHeight")
        oldest = alice.page.locator(f"#{alice.messages.nth(1).get_attribute('id')}")
        before = oldest.bounding_box()
        alice.page.locator(".earlier").click()
        expect(alice.messages).to_have_count(count)
        assert oldest.bounding_box() == before
    expect(alice.page.locator(".earlier")).to_be_hidden()
    expect(alice.texts).to_have_text([f"Line {n}" for n in range(1, 121)])


def test_new_messages_do_not_move_someone_who_reads_above(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    for n in range(5):
        bob.post("긴 글\n" * 12 + str(n))
    expect(alice.messages).to_have_count(5)
    expect(alice.texts.last).to_be_in_viewport()
    alice.messages.nth(1).evaluate("each => each.scrollIntoView({block: 'start'})")
    before = alice.messages.nth(1).bounding_box()
    bob.post("새 글\n" * 12)
    expect(alice.messages).to_have_count(6)
    assert alice.messages.nth(1).bounding_box() == before
    alice.page.locator(".scroll").evaluate("scroller => scroller.scrollTop = -60")
    bob.post("또 새 글\n" * 12)
    expect(alice.messages).to_have_count(7)
    expect(alice.page.locator(".scroll")).to_have_js_property("scrollTop", 0)


def test_around_one_message_the_window_stays_whole(enter: Enter, long_room: str) -> None:
    alice, bob = enter("alice"), enter("bob", long_room)
    alice.open(long_room, "60/")
    here = alice.page.locator(".message[aria-current]")
    expect(here).to_have_attribute("data-seq", "60")
    expect(here).to_be_in_viewport()
    count = alice.messages.count()
    seq = int(re.findall(r'data-seq="(\d+)"', bob.post("멀리서").text())[0])
    bob.change(seq, "delete")
    bob.change(64, "edit", text="가까이서")
    expect(alice.texts.filter(has_text="가까이서")).to_have_count(1)
    assert alice.messages.count() == count
    expect(alice.page.get_by_role("link", name="최신 메시지로")).to_be_visible()
    alice.write("저도 왔어요")
    expect(alice.texts.last).to_have_text("저도 왔어요")
    expect(alice.page).to_have_url(f"{alice.url}/rooms/{long_room}/")


def test_an_empty_room_invites_to_write_until_someone_does(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    hint = alice.page.get_by_text("첫 메시지를 보내 보세요.")
    expect(hint).to_be_visible()
    alice.write("첫 글")
    expect(alice.messages).to_have_count(1)
    expect(hint).to_be_hidden()


def test_a_lost_connection_comes_back_and_catches_up(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    bob.post("하나")
    expect(alice.texts).to_have_text(["하나"])
    alice.context.set_offline(True)
    bob.post("둘")
    bob.post("셋")
    bob.change(1, "edit", text="하나!")
    assert alice.texts.all_text_contents() == ["하나"]
    alice.context.set_offline(False)
    expect(alice.texts).to_have_text(["하나!", "둘", "셋"])
    assert_replay_equals_reload(alice.page)


def test_a_first_connect_that_fails_is_tried_again(enter: Enter, room: str) -> None:
    alice, bob = enter("alice"), enter("bob", room)
    alice.page.route("**/stream/**", lambda route: route.fulfill(status=502, body="<p>Bad gateway</p>"), times=1)
    alice.open(room)
    bob.post("들려요?")
    expect(alice.texts).to_have_text(["들려요?"])
    expect(alice.page.get_by_text("Bad gateway")).to_have_count(0)


def test_after_a_reset_the_timeline_is_that_of_a_fresh_page(enter: Enter, long_room: str) -> None:
    alice = enter("jiyoung", long_room)
    lived = shown(alice.page)
    alice.page.evaluate(
        """() => {
          document.querySelectorAll(".message:nth-child(3n)").forEach((each) => each.remove());
          document.getElementById("live").dispatchEvent(new CustomEvent("reset", {detail: {data: '{"seq": 120}'}}));
        }"""
    )
    expect(alice.messages).to_have_count(50)
    assert shown(alice.page) == lived
    with alice.page.expect_request(lambda request: "/stream/" in request.url) as again:
        alice.cut_stream()
    assert again.value.headers["last-event-id"] == "120", "what the reset brought is not asked for again"
    assert_replay_equals_reload(alice.page)


def test_whoever_is_signed_out_elsewhere_comes_to_sign_in(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    bob.post("여기요")
    expect(alice.messages).to_have_count(1)
    alice.context.clear_cookies(name="sessionid")
    alice.cut_stream()
    expect(alice.page.locator("h1")).to_have_text("로그인")
    assert f"next=/rooms/{room}/" in alice.page.url
