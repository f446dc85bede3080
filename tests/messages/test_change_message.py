"""Editing and deleting: only one's own, each with a number of its own, nothing moves."""

import uuid

import pytest

from chat.messages.actions import delete_message, edit_message, post_message
from chat.messages.models import Message
from chat.rooms.access import NotAMember
from chat.rooms.actions import remove_member
from tests.conftest import Announced, Browser, Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def message(cast: Cast) -> Message:
    posts = [post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text=text) for text in "ab"]
    return posts[0].message


def act(cast: Cast, message: Message, verb: str) -> str:
    return f"/rooms/{cast.room.pk}/messages/{message.seq}/{verb}/"


def test_an_edit_keeps_the_place_and_takes_the_next_number(cast: Cast, message: Message, announced: Announced) -> None:
    response = Browser(cast.alice).post(act(cast, message, "edit"), {"text": "고쳤어요"})
    message.refresh_from_db()
    assert response.status_code == 200
    assert "고쳤어요" in response.text
    assert (message.seq, message.changed_seq, message.text) == (1, 3, "고쳤어요")
    assert message.edited_at is not None
    [change] = announced.on(f"room:{cast.room.pk}", 1)
    assert change.seq == 3
    assert response.text in change.data


def test_the_same_text_again_changes_nothing(cast: Cast, message: Message) -> None:
    assert Browser(cast.alice).post(act(cast, message, "edit"), {"text": "a"}).status_code == 200
    message.refresh_from_db()
    assert (message.changed_seq, message.edited_at) == (1, None)


def test_a_deleted_message_is_a_tombstone(cast: Cast, message: Message, announced: Announced) -> None:
    alice = Browser(cast.alice)
    response = alice.post(act(cast, message, "delete"))
    again = alice.post(act(cast, message, "delete"))
    message.refresh_from_db()
    assert (response.status_code, again.status_code) == (200, 200)
    assert (message.seq, message.changed_seq, message.text) == (1, 3, "")
    [change] = announced.on(f"room:{cast.room.pk}", 1)
    assert change.seq == 3
    assert response.text in change.data
    assert alice.post(act(cast, message, "edit"), {"text": "back"}).status_code == 404


@pytest.mark.parametrize("text", ["", "  ", "x" * 10_001, "a\0b"])
def test_an_edit_to_what_cannot_be_posted_is_refused(cast: Cast, message: Message, text: str) -> None:
    assert Browser(cast.alice).post(act(cast, message, "edit"), {"text": text}).status_code == 422
    message.refresh_from_db()
    assert (message.text, message.changed_seq) == ("a", 1)


@pytest.mark.parametrize("verb", ["edit", "delete"])
def test_only_the_sender_may_change_it(cast: Cast, message: Message, announced: Announced, verb: str) -> None:
    post = {"text": "not yours"}
    assert Browser(cast.bob).post(act(cast, message, verb), {"text": ""}).status_code == 403
    assert Browser(cast.bob).post(act(cast, message, verb), post).status_code == 403
    assert Browser(cast.olive).post(act(cast, message, verb), post).status_code == 404
    assert Browser(cast.alice).post(f"/rooms/{cast.room.pk}/messages/99/{verb}/", post).status_code == 404
    assert Browser(cast.alice).get(act(cast, message, verb)).status_code == 405
    message.refresh_from_db()
    assert (message.text, message.changed_seq) == ("a", 1)
    assert announced.nothing()


def test_who_was_removed_changes_nothing(cast: Cast, message: Message) -> None:
    remove_member(room=cast.room, person=cast.alice)
    with pytest.raises(NotAMember):
        edit_message(message=message, editor=cast.alice, text="still here")
    with pytest.raises(NotAMember):
        delete_message(message=message, deleter=cast.alice)
    message.refresh_from_db()
    assert (message.text, message.changed_seq) == ("a", 1)
