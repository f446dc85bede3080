"""Messages: the table is its own log. Whoever missed something asks for what changed after a seq."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from chat.messages.markup import to_html
from chat.rooms.models import Room


class MessageQuerySet(models.QuerySet["Message"]):
    def shown(self) -> Self:
        """With all that a fragment needs, in one query."""
        return self.select_related("sender")

    def page_before(self, seq: int, limit: int) -> list["Message"]:
        """The last `limit` messages posted before `seq`, oldest first."""
        return list(self.shown().filter(seq__lt=seq).order_by("-seq")[:limit])[::-1]

    def page_after(self, seq: int, limit: int) -> list["Message"]:
        """The first `limit` messages posted after `seq`, oldest first."""
        return list(self.shown().filter(seq__gt=seq).order_by("seq")[:limit])

    def page_around(self, seq: int, limit: int) -> list["Message"]:
        """Up to `limit` messages with `seq` in their middle, oldest first."""
        older = self.page_before(seq + 1, limit // 2 + 1)
        return older + self.page_after(seq, limit - len(older))

    def newest(self, limit: int) -> list["Message"]:
        """The last `limit` messages, oldest first."""
        return list(self.shown().order_by("-seq")[:limit])[::-1]

    def changed_after(self, seq: int, limit: int) -> list["Message"]:
        """The latest state of what changed after `seq`, in the order of the changes."""
        return list(self.shown().filter(changed_seq__gt=seq).order_by("changed_seq")[:limit])


class Message(models.Model):
    class Kind(models.TextChoices):
        TEXT = "text"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages", db_index=False)
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="messages")
    seq = models.PositiveBigIntegerField()
    """The number it was posted at: its place, page cursor and permalink. Never changes."""
    changed_seq = models.PositiveBigIntegerField()
    """The number of its latest change: the cursor of those who follow."""
    client_mid = models.UUIDField()
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.TEXT)
    text = models.TextField()
    reply_to = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replies")
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        app_label = "chat"
        constraints = [
            models.UniqueConstraint(name="message_seq_once", fields=["room", "seq"]),
            models.UniqueConstraint(name="message_change_once", fields=["room", "changed_seq"]),
            models.UniqueConstraint(name="message_posted_once", fields=["room", "sender", "client_mid"]),
            models.CheckConstraint(
                name="message_changes_go_on", condition=Q(changed_seq__gte=models.F("seq"), seq__gt=0)
            ),
            models.CheckConstraint(name="message_gone_is_empty", condition=Q(deleted_at__isnull=True) | Q(text="")),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.seq}"

    @property
    def body(self) -> str:
        return to_html(self.text)
