"""Every form works in a browser without JavaScript."""

from playwright.sync_api import expect

from e2e.conftest import Enter


def test_sign_in_read_post_and_sign_out(enter: Enter, room: str) -> None:
    alice, bob = enter("alice", room, java_script_enabled=False), enter("bob", room)
    alice.box.fill("자바스크립트 없이\n두 줄")
    alice.page.get_by_role("button", name="보내기").click()
    expect(alice.page).to_have_url(f"{alice.url}/rooms/{room}/")
    expect(alice.texts).to_have_text(["자바스크립트 없이 두 줄"])
    expect(alice.box).to_have_value("")
    expect(bob.texts).to_have_text(["자바스크립트 없이 두 줄"])
    bob.write("보여요")
    expect(bob.messages).to_have_count(2)
    alice.page.reload()
    expect(alice.texts).to_have_text(["자바스크립트 없이 두 줄", "보여요"])
    alice.page.get_by_role("button", name="로그아웃").click()
    expect(alice.page.locator("h1")).to_have_text("로그인")
    alice.open(room)
    expect(alice.page.locator("h1")).to_have_text("로그인")


def test_a_refused_post_keeps_its_text(enter: Enter, room: str) -> None:
    alice = enter("alice", room, java_script_enabled=False)
    text = "\n" + "나" * 10_001
    alice.box.fill(text)
    alice.page.get_by_role("button", name="보내기").click()
    expect(alice.problem).to_contain_text("10000자까지")
    expect(alice.box).to_have_value(text)
    alice.box.fill("짧게")
    alice.page.get_by_role("button", name="보내기").click()
    expect(alice.texts).to_have_text(["짧게"])


def test_earlier_messages_are_a_link(enter: Enter, long_room: str) -> None:
    alice = enter("alice", long_room, java_script_enabled=False)
    expect(alice.texts.last).to_be_in_viewport()
    oldest = int(alice.messages.first.get_attribute("data-seq") or 0)
    alice.page.get_by_role("link", name="이전 메시지").click()
    expect(alice.messages.last).to_have_attribute("data-seq", str(oldest - 1))
    alice.page.get_by_role("link", name="최신 메시지로").click()
    expect(alice.messages.first).to_have_attribute("data-seq", str(oldest))


def test_a_wrong_password_is_said_so(enter: Enter) -> None:
    bob = enter("bob", java_script_enabled=False)
    bob.page.get_by_role("button", name="로그아웃").click()
    bob.page.locator("[name=username]").fill("bob")
    bob.page.locator("[name=password]").fill("wrong")
    bob.page.get_by_role("button", name="로그인").click()
    expect(bob.page.get_by_role("alert")).to_contain_text("아이디 또는 비밀번호가 맞지 않습니다")
    expect(bob.page.locator("[name=username]")).to_have_value("bob")
