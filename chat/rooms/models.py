"""Rooms and who is in them."""

import uuid
from collections.abc import Iterable
from typing import Self

from django.conf import settings
from django.db import connections, models
from django.db.models import Q

from chat.accounts.models import COLORS, User, initials


class RoomQuerySet(models.QuerySet["Room"]):
    def of(self, user: User) -> Self:
        return self.filter(members__user=user)

    def heads(self, rooms: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
        """The newest seq of each of these rooms; a room that does not exist is left out."""
        return dict(self.filter(pk__in=list(rooms)).values_list("pk", "last_seq"))

    def take_seq(self, room_id: uuid.UUID, count: int = 1) -> int:
        """Takes a room's next `count` numbers for changes of this transaction and returns the last of them.

        Locks the room's row until the transaction ends, so that numbers become visible in their order and a
        rollback gives them back: call it as late as possible, and do little after it. Raises Room.DoesNotExist.
        """
        connection = connections[self.db]
        assert connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE chat_room SET last_seq = last_seq + %s WHERE id = %s RETURNING last_seq", [count, room_id]
            )
            row = cursor.fetchone()
        if row is None:
            raise Room.DoesNotExist
        return int(row[0])


class Room(models.Model):
    class Kind(models.TextChoices):
        DIRECT = "direct"
        GROUP = "group"
        OPEN = "open"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.GROUP)
    name = models.CharField(max_length=80, blank=True)
    pair = models.CharField(max_length=41, null=True, default=None, unique=True)  # noqa: DJ001  # NULLs may repeat
    last_seq = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoomQuerySet.as_manager()

    class Meta:
        app_label = "chat"
        constraints = [
            models.CheckConstraint(name="room_kind_known", condition=Q(kind__in=["direct", "group", "open"])),
            models.CheckConstraint(
                name="room_pair_only_if_direct",
                condition=Q(kind="direct", pair__isnull=False) | (~Q(kind="direct") & Q(pair__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        return initials(self.name)

    @property
    def color(self) -> int:
        """1 to 8, the same for ever."""
        return self.pk.int % COLORS + 1


class RoomMemberQuerySet(models.QuerySet["RoomMember"]):
    def read_up_to(self, seq: int, room_id: uuid.UUID, user_id: int) -> bool:
        """Moves a member's read cursor to `seq`, never back. Returns whether they are a member."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                "UPDATE chat_roommember SET last_read_seq = GREATEST(last_read_seq, %s)"
                " WHERE room_id = %s AND user_id = %s",
                [seq, room_id, user_id],
            )
            return bool(cursor.rowcount)


class RoomMember(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        MODERATOR = "moderator"
        MEMBER = "member"

    class Level(models.TextChoices):
        ALL = "all"
        MENTIONS = "mentions"
        MUTE = "mute"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    level = models.CharField(max_length=8, choices=Level, default=Level.ALL)
    last_read_seq = models.PositiveBigIntegerField(default=0)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects = RoomMemberQuerySet.as_manager()

    class Meta:
        app_label = "chat"
        constraints = [
            models.UniqueConstraint(name="room_member_once", fields=["room", "user"]),
            models.CheckConstraint(
                name="room_member_role_known", condition=Q(role__in=["owner", "moderator", "member"])
            ),
            models.CheckConstraint(name="room_member_level_known", condition=Q(level__in=["all", "mentions", "mute"])),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"
