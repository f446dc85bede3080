"""Messages as HTML: rendered once for each state of a message, the same for everyone."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from chat.messages.models import Message

LONGEST_KEPT = 2000
"""Characters. Longer messages are rare and rendered each time, so that the cache stays small."""


@dataclass(frozen=True, slots=True)
class _State:
    """What the HTML depends on."""

    message_id: int
    changed_seq: int
    sender_name: str
    message: Message = field(compare=False)


def message_html(message: Message) -> SafeString:
    """The one markup of a message: page, answer to a post, live push and replay."""
    state = _State(message.pk, message.changed_seq, message.sender.name, message)
    return _render(state) if len(message.text) <= LONGEST_KEPT else _render.__wrapped__(state)


def messages_html(messages: Iterable[Message]) -> SafeString:
    return mark_safe("".join(map(message_html, messages)))  # noqa: S308  # each is a rendered template


def message_event(message: Message) -> SafeString:
    """The same as the stream pushes it."""
    return render_to_string("chat/messages/events/message.html", {"html": message_html(message)})


@functools.lru_cache(maxsize=4096)
def _render(state: _State) -> SafeString:
    return render_to_string("chat/messages/_message.html", {"message": state.message})
