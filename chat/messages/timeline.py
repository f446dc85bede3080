"""One window into a room's messages, with the marks that a page puts between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from django.utils.safestring import SafeString

from chat.messages.fragments import message_html
from chat.messages.models import Message, MessageQuerySet

PAGE = 50
MOST = 200
RUN = timedelta(minutes=5)
"""Messages of one sender that follow each other this closely stand together."""


@dataclass(frozen=True, slots=True)
class Row:
    html: SafeString
    day: date | None
    starts_run: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Messages, oldest first, and whether the room goes on beyond them on either side."""

    messages: list[Message]
    earlier: int | None
    later: int | None

    @property
    def rows(self) -> Iterator[Row]:
        before: Message | None = None
        for message in self.messages:
            day = timezone.localdate(message.created_at)
            new_day = before is None or day != timezone.localdate(before.created_at)
            new_run = (
                before is None or before.sender_id != message.sender_id or message.created_at - before.created_at > RUN
            )
            yield Row(message_html(message), day if new_day else None, new_day or new_run)
            before = message


def window(
    messages: MessageQuerySet,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = PAGE,
) -> Window:
    """The newest messages, or those before, after or around a seq."""
    limit = max(1, min(limit, MOST))
    if around is not None:
        found = messages.page_around(around, limit)
    elif before is not None:
        found = messages.page_before(before, limit)
    elif after is not None:
        found = messages.page_after(after, limit)
    else:
        found = messages.newest(limit)
    if not found:
        return Window([], None, None)
    first, last = found[0].seq, found[-1].seq
    return Window(
        found,
        earlier=first if messages.filter(seq__lt=first).exists() else None,
        later=last if messages.filter(seq__gt=last).exists() else None,
    )
