"""Alice and Bob, each in a browser of their own, and 지영 who writes Korean."""

import re
import uuid

from playwright.sync_api import expect

from e2e.conftest import Enter
from e2e.house import House
from e2e.people import assert_replay_equals_reload, hold, shown


def test_they_see_each_others_messages_at_once_and_in_order(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    said = []
    for speaker, listener, text in [
        (alice, bob, "점심 뭐 먹죠"),
        (bob, alice, "Noodles?"),
        (bob, alice, "국수 어때요 🍜"),
        (alice, bob, '<b>좋아요</b> & "끝"'),
    ]:
        said.append(text)
        speaker.write(text)
        expect(listener.texts).to_have_text(said)
        expect(speaker.texts).to_have_text(said)
        expect(speaker.box).to_have_value("")
    assert re.sub(r" title=\"[^\"]*\"", "", str(shown(alice.page))) == re.sub(
        r" title=\"[^\"]*\"", "", str(shown(bob.page))
    )
    assert_replay_equals_reload(alice.page)
    assert_replay_equals_reload(bob.page)


def test_ones_own_stand_right_with_a_tick_and_others_left_with_their_name(enter: Enter, room: str) -> None:
    alice, jiyoung = enter("alice", room), enter("jiyoung", room)
    alice.write("제 글이에요")
    jiyoung.write("제 글도요")
    expect(alice.messages).to_have_count(2)
    mine, theirs = alice.messages.nth(0), alice.messages.nth(1)
    middle = alice.page.locator("#timeline").evaluate(
        "each => { const at = each.getBoundingClientRect(); return at.left + at.width / 2 }"
    )
    left = "each => each.getBoundingClientRect().left"
    tick = "each => getComputedStyle(each.querySelector('.message-state'), '::before').content"
    assert mine.locator(".bubble").evaluate(left) > middle > theirs.locator(".bubble").evaluate(left)
    assert mine.evaluate(tick).startswith('"✓"')
    assert theirs.evaluate(tick) == "none"
    width = "name => name.offsetWidth"
    expect(theirs.locator(".message-name")).to_have_text("김지영")
    assert theirs.locator(".message-name").evaluate(width) > 10
    assert mine.locator(".message-name").evaluate(width) == 1, "one's own name is only read aloud"


def test_a_change_and_a_deletion_reach_the_other(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    for text in ["하나", "둘", "셋"]:
        alice.write(text)
    expect(bob.texts).to_have_text(["하나", "둘", "셋"])
    alice.change(1, "edit", text="하나!")
    alice.change(2, "delete")
    expect(bob.texts).to_have_text(["하나!", "", "셋"])
    expect(bob.messages.nth(0)).to_have_attribute("data-edited", "")
    expect(bob.messages.nth(1)).to_have_attribute("data-deleted", "")
    expect(alice.texts).to_have_text(["하나!", "", "셋"])
    word = "each => getComputedStyle(each, '::after').content"
    assert "(수정됨)" in bob.texts.nth(0).evaluate(word)
    assert "삭제된 메시지입니다" in bob.texts.nth(1).evaluate(word)
    assert_replay_equals_reload(bob.page)


def test_what_is_posted_before_the_stream_opens_is_neither_lost_nor_doubled(
    enter: Enter, madang: House, room: str
) -> None:
    alice = enter("alice")
    held = hold(alice.page, "**/stream/**")
    with alice.page.expect_request("**/stream/**"):
        alice.open(room)
    expect(alice.messages).to_have_count(0)
    said = [f"{n}" for n in range(50)]
    madang.say(room, said)
    held[0].continue_()
    expect(alice.texts).to_have_text(said)
    assert_replay_equals_reload(alice.page)


def test_an_older_version_never_replaces_a_newer_one(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room), enter("bob", room)
    alice.write("처음")
    expect(bob.texts).to_have_text(["처음"])
    old = bob.messages.evaluate("each => each.outerHTML")
    alice.change(1, "edit", text="나중")
    expect(bob.texts).to_have_text(["나중"])
    bob.page.evaluate(
        """async (old) => {
          const live = document.getElementById("live");
          const text = `<hx-partial hx-target="#timeline" hx-swap="upsert key:data-seq">${old}</hx-partial>`;
          await htmx.swap({sourceElement: live, target: live, swap: "none swapEmpty:false", text});
        }""",
        old,
    )
    assert bob.texts.all_text_contents() == ["나중"]


def test_the_answer_of_a_post_and_its_echo_are_one_message(enter: Enter, room: str) -> None:
    alice = enter("alice", room)
    alice.page.route("**/messages/", lambda route: route.fulfill(response=route.fetch()))  # the echo comes first
    alice.write("한 번만")
    expect(alice.texts).to_have_text(["한 번만"])
    with alice.page.expect_response("**/messages/"):
        alice.write("두 번째")
    expect(alice.texts).to_have_text(["한 번만", "두 번째"])


def test_an_outsider_finds_nothing(enter: Enter, room: str) -> None:
    olive = enter("olive")
    expect(olive.page.locator("#main h1")).to_have_text("아직 대화방이 없어요")
    for path in (f"/rooms/{room}/", f"/rooms/{room}/1/", f"/rooms/{uuid.uuid4()}/"):
        answer = olive.page.goto(olive.url + path)
        assert answer is not None
        assert answer.status == 404
        expect(olive.page.locator("h1")).to_have_text("찾는 내용이 없어요")
    olive.open("")
    olive.room = room
    assert olive.send("messages/", {"text": "hi", "client_mid": str(uuid.uuid4())}).status == 404
