"""On a phone the list and the room are two screens."""

from playwright.sync_api import expect

from e2e.conftest import Enter
from e2e.house import House

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_from_the_list_to_a_room_and_back(enter: Enter, madang: House) -> None:
    alice = enter("alice", madang.empty, **PHONE)
    rooms, timeline = alice.page.get_by_role("navigation", name="대화방"), alice.page.locator("#timeline")
    expect(alice.box).to_be_in_viewport()
    expect(rooms).to_be_hidden()
    alice.page.get_by_role("link", name="대화방 목록으로").tap()
    expect(rooms).to_be_visible()
    expect(timeline).to_have_count(0)
    expect(alice.page.locator("#main")).to_be_hidden()
    rooms.get_by_role("link", name="빈 방").tap()
    expect(timeline).to_be_attached()
    expect(rooms).to_be_hidden()


def test_nothing_is_wider_than_the_screen(enter: Enter, room: str) -> None:
    alice = enter("alice", room, **PHONE)
    alice.write("x" * 400 + " " + "긴말" * 200)
    alice.page.get_by_role("button", name="보내기").tap()
    expect(alice.messages).to_have_count(1)
    assert alice.page.evaluate("document.documentElement.scrollWidth") == 390
    assert alice.page.locator(".scroll").evaluate("each => each.scrollWidth - each.clientWidth") == 0
