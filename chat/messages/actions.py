"""What people can do with messages. Each takes the room's next seq and is announced when it is committed."""

import json
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.accounts.models import User
from chat.messages.fragments import message_event
from chat.messages.models import Message
from chat.rooms.access import NotAMember
from chat.rooms.models import Room, RoomMember
from chat.stream.announce import News, announce

LONGEST = 10_000
"""Characters, after line ends have become one character each."""


BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that show nothing: Hangul fillers, the empty Braille pattern."""


class BadText(ValueError):
    """The text cannot be posted; the message says why."""


class EmptyText(BadText):
    pass


class TooLong(BadText):
    pass


class NotYours(Exception):
    """Only the sender may do this to a message."""


class Gone(Exception):
    """The message has been deleted."""


@dataclass(frozen=True, slots=True)
class Posted:
    message: Message
    created: bool
    """False: this client_mid had been posted before, and nothing was done."""


def post_message(
    *, room: Room, sender: User, client_mid: uuid.UUID, text: str, reply_to: Message | None = None
) -> Posted:
    """Posts once per (room, sender, client_mid), for ever. Raises BadText or NotAMember."""
    message = Message(room=room, sender=sender, client_mid=client_mid, text=clean(text), reply_to=reply_to)
    try:
        with transaction.atomic():
            message.seq = message.changed_seq = Room.objects.take_seq(room.pk)
            message.created_at = timezone.now()
            message.save(force_insert=True)
            if not RoomMember.objects.read_up_to(message.seq, room.pk, sender.pk):
                raise NotAMember
            _announce(message)
    except IntegrityError:
        before = Message.objects.shown().filter(room=room, sender=sender, client_mid=client_mid).first()
        if before is None:
            raise
        return Posted(before, created=False)
    return Posted(message, created=True)


def post_many(*, room: Room, posts: Sequence[tuple[User, str]]) -> None:
    """Posts (sender, text) in this order, in one transaction. Streams read them from the database."""
    if not posts:
        return
    now = timezone.now()
    messages = [
        Message(room=room, sender=sender, client_mid=uuid.uuid4(), text=clean(text), created_at=now)
        for sender, text in posts
    ]
    with transaction.atomic():
        last = Room.objects.take_seq(room.pk, len(messages))
        for seq, message in enumerate(messages, last - len(messages) + 1):
            message.seq = message.changed_seq = seq
        Message.objects.bulk_create(messages)
        announce(News(f"room:{room.pk}", str, seq=last))


def edit_message(*, message: Message, editor: User, text: str) -> Message:
    """Replaces the text. Raises BadText, NotYours, NotAMember or Gone. The same text again changes nothing."""
    text = clean(text)
    with transaction.atomic():
        message = _mine(message, editor)
        if message.text != text:
            message.text = text
            message.edited_at = timezone.now()
            _change(message)
    return message


def delete_message(*, message: Message, deleter: User) -> Message:
    """Leaves a tombstone without text. Raises NotYours or NotAMember. Deleting again changes nothing."""
    with transaction.atomic():
        try:
            message = _mine(message, deleter)
        except Gone:
            return message
        message.text = ""
        message.deleted_at = timezone.now()
        _change(message)
    return message


def clean(text: str) -> str:
    """The text as it is kept: as typed, with line ends as \\n. Raises EmptyText, TooLong or BadText."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadText
    if not any(_visible(character) for character in text):
        raise EmptyText
    if len(text) > LONGEST:
        raise TooLong
    return text


def _visible(character: str) -> bool:
    if character.isspace() or character in BLANKS:
        return False
    return unicodedata.category(character) not in {"Cc", "Cf", "Mn", "Me"}


def must_be_senders(message: Message, person: User) -> None:
    """Raises NotYours."""
    if message.sender_id != person.pk:
        raise NotYours


def _mine(message: Message, person: User) -> Message:
    """The message as it is now, locked. Its row is locked before the room's, as everywhere."""
    must_be_senders(message, person)
    if not RoomMember.objects.filter(room=message.room_id, user=person).exists():
        raise NotAMember
    message = Message.objects.shown().select_for_update(of=("self",), no_key=True).get(pk=message.pk)
    if message.deleted_at:
        raise Gone
    return message


def _change(message: Message) -> None:
    message.changed_seq = Room.objects.take_seq(message.room_id)
    message.save(update_fields=["text", "edited_at", "deleted_at", "changed_seq"])
    _announce(message)


def _announce(message: Message) -> None:
    pulse = {"room": str(message.room_id), "seq": message.changed_seq, "sender": message.sender_id}
    announce(
        News(f"room:{message.room_id}", partial(message_event, message), seq=message.changed_seq),
        News(f"pulse:{message.room_id}", partial(json.dumps, pulse), event="pulse"),
    )
