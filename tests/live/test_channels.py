"""Permission and storage, as django-eventstream asks for them."""

import uuid

import pytest
from django.test import RequestFactory
from django_eventstream.utils import get_channelmanager, get_storage

from chat.live.ticket import UNREADABLE, position
from chat.messages.actions import delete_message, edit_message, post_message
from chat.rooms.actions import create_room, remove_member
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def test_members_may_read_a_channel_until_they_are_shown_out(cast: Cast) -> None:
    manager, channel = get_channelmanager(), f"room:{cast.room.pk}"
    assert manager.can_read_channel(cast.bob, channel)
    assert not manager.can_read_channel(cast.olive, channel)
    assert not manager.can_read_channel(None, channel)
    assert not manager.can_read_channel(cast.bob, f"room:{uuid.uuid4()}")
    remove_member(room=cast.room, person=cast.bob)
    assert not manager.can_read_channel(cast.bob, channel)
    cast.alice.is_active = False
    cast.alice.save()
    assert not manager.can_read_channel(cast.alice, channel)


def test_a_stream_has_its_room_in_full_and_the_pulse_of_the_others(cast: Cast) -> None:
    other = create_room(owner=cast.bob, name="Other")
    create_room(owner=cast.olive, name="Not bob's")
    request = RequestFactory().get("/")
    request.user = cast.bob
    channels = get_channelmanager().get_channels_for_request(request, {"room_id": other.pk})
    assert channels == {f"room:{other.pk}", f"pulse:{cast.room.pk}"}
    request.user = cast.olive
    assert f"room:{cast.room.pk}" not in get_channelmanager().get_channels_for_request(
        request, {"room_id": cast.room.pk}
    )


def test_the_storage_reads_the_messages(cast: Cast) -> None:
    storage, channel = get_storage(), f"room:{cast.room.pk}"
    assert (storage.get_current_id(channel), storage.get_events(channel, 0)) == (0, [])
    first, _ = (
        post_message(room=cast.room, sender=cast.alice, client_mid=uuid.uuid4(), text=text).message for text in "ab"
    )
    edit_message(message=first, editor=cast.alice, text="said anew")
    events = storage.get_events(channel, 0)
    assert [(event.channel, event.type, event.id) for event in events] == [(channel, "", 2), (channel, "", 3)]
    assert [event.id for event in storage.get_events(channel, 0, limit=1)] == [2]
    delete_message(message=first, deleter=cast.alice)
    assert storage.get_current_id(channel) == 4
    assert "said anew" not in storage.get_events(channel, 2)[0].data


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), None),
        (("", ""), None),
        (("7", None), 7),
        (("7", "9"), 9),
        (("12", "9"), 12),
        (("room:abc:7", None), 7),
        (("error", None), UNREADABLE),
        (("error", "9"), 9),
        (("-1", "1e9"), UNREADABLE),
        (("0" * 18, None), 0),
        (("9" * 19, None), UNREADABLE),
        (("7,8", None), UNREADABLE),
        (("7\n", None), UNREADABLE),
    ],
)
def test_positions(given: tuple[str | None, ...], expected: int | None) -> None:
    assert position(*given) == expected
