"""Writing by keyboard, by finger, in Korean; and never losing a word."""

import re

from playwright.sync_api import Page, expect

from e2e.conftest import Enter
from e2e.people import Person, hold


def compose(page: Page, *steps: str, whole: str, enter: bool) -> None:
    """Types with an input method: each step is what is underlined, `whole` what it becomes."""
    keys = page.context.new_cdp_session(page)
    for step in steps:
        keys.send("Input.imeSetComposition", {"text": step, "selectionStart": len(step), "selectionEnd": len(step)})
    if enter:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
        keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    keys.send("Input.insertText", {"text": whole})
    if enter:
        keys.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})


def send_all(person: Person, *texts: str) -> None:
    """All in one go, faster than fingers."""
    person.page.evaluate(
        """(texts) => {
          const form = document.getElementById("composer");
          for (const text of texts) { form.elements.text.value = text; form.requestSubmit(); }
        }""",
        list(texts),
    )


def test_enter_sends_and_shift_enter_breaks_the_line(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    expect(alice.box).to_be_focused()
    alice.page.keyboard.type("첫 줄")
    alice.page.keyboard.press("Shift+Enter")
    alice.page.keyboard.type("둘째 줄")
    expect(alice.box).to_have_value("첫 줄\n둘째 줄")
    assert alice.messages.count() == 0
    alice.page.keyboard.press("Enter")
    expect(alice.messages).to_have_count(1)
    assert alice.texts.evaluate("each => each.textContent") == "첫 줄\n둘째 줄"
    expect(alice.box).to_be_focused()
    expect(alice.box).to_have_value("")


def test_enter_on_a_syllable_being_composed_sends_it_once_and_whole(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    alice.page.keyboard.type("잘 지내")
    compose(alice.page, "ㅇ", "요", whole="요", enter=True)
    alice.page.keyboard.press("Enter")  # some systems report the same key once more
    expect(alice.texts).to_have_text(["잘 지내요"])
    alice.write("끝")
    expect(alice.texts).to_have_text(["잘 지내요", "끝"])
    expect(alice.box).to_have_value("")


def test_enter_that_picks_a_candidate_does_not_send(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    compose(alice.page, "か", "かな", whole="仮名", enter=True)
    expect(alice.box).to_have_value("仮名")
    assert alice.messages.count() == 0
    alice.page.keyboard.press("Enter")
    expect(alice.texts).to_have_text(["仮名"])


def test_by_finger_enter_breaks_the_line_and_the_button_sends(enter: Enter, room: str) -> None:
    alice = enter("alice", room, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    alice.box.tap()
    alice.page.keyboard.type("한 줄")
    alice.page.keyboard.press("Enter")
    alice.page.keyboard.type("두 줄")
    expect(alice.box).to_have_value("한 줄\n두 줄")
    alice.page.get_by_role("button", name="보내기").tap()
    expect(alice.texts).to_have_text("한 줄 두 줄")


def test_nothing_is_sent_of_nothing(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    alice.write("  \n ")
    alice.write("있어요")
    expect(alice.texts).to_have_text(["있어요"])


def test_a_text_too_long_stays_and_is_explained(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    text = "가" * 10_001
    alice.write(text)
    expect(alice.problem).to_have_text("지금 10001자입니다. 메시지는 10000자까지 보낼 수 있어요.")
    expect(alice.box).to_have_value(text)
    alice.write(text[1:])
    expect(alice.messages).to_have_count(1)
    expect(alice.problem).to_be_hidden()


def test_too_fast_keeps_every_text_in_order(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    texts = [f"{n}번" for n in range(24)]
    send_all(alice, *texts)
    expect(alice.problem).to_contain_text("너무 빨리 보냈어요")
    alice.page.wait_for_function("document.getElementById('composer').elements.text.value.includes('23번')")
    assert alice.texts.all_text_contents() + alice.box.input_value().split("\n") == texts
    expect(alice.problem).to_be_hidden()  # after the seconds to wait
    alice.box.press("Enter")
    expect(alice.texts.last).to_contain_text("23번")


def test_the_seconds_to_wait_count_down(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    alice.page.route(
        "**/messages/", lambda route: route.fulfill(status=429, headers={"Retry-After": "3"}, body="Too fast.")
    )
    alice.write("빨라요")
    for second in ("3", "2", "1"):
        expect(alice.problem.locator(".composer-wait")).to_have_text(second)
    expect(alice.problem).to_be_hidden()
    expect(alice.box).to_have_value("빨라요")


def test_what_could_not_be_sent_comes_back_before_what_was_typed_since(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    with alice.page.expect_request("**/messages/") as first:
        alice.page.route("**/messages/", lambda route: route.abort(), times=1)
        alice.write("못 갔어요")
    expect(alice.problem).to_contain_text("보내지 못했어요")
    expect(alice.box).to_have_value("못 갔어요")
    with alice.page.expect_request("**/messages/") as again:
        alice.box.press("Enter")
    mid = re.compile(r"client_mid=([^&]+)")
    assert mid.findall(first.value.post_data or "") == mid.findall(again.value.post_data or "") != []
    expect(alice.texts).to_have_text(["못 갔어요"])

    held = hold(alice.page, "**/messages/")
    with alice.page.expect_request("**/messages/"):
        alice.write("먼저")
    alice.page.keyboard.type("나중")
    held[0].abort()
    expect(alice.box).to_have_value("먼저\n나중")


def test_a_server_error_is_not_shown_as_a_message(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    page = "<html><body><article class=message id=m-1-x data-seq=9 data-changed=9>502</article></body></html>"
    alice.page.route(
        "**/messages/", lambda route: route.fulfill(status=502, content_type="text/html", body=page), times=1
    )
    alice.write("그대로")
    expect(alice.problem).to_contain_text("보내지 못했어요")
    expect(alice.box).to_have_value("그대로")
    assert alice.messages.count() == 0


def test_a_session_that_ended_takes_no_text_with_it(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    expect(alice.page.locator("#live")).to_be_attached()
    alice.context.clear_cookies(name="sessionid")
    alice.write("아직 여기")
    expect(alice.page.locator("h1")).to_have_text("로그인")
    alice.sign_in()
    alice.open(room)
    expect(alice.box).to_have_value("아직 여기")
