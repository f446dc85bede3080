"""The hub's way to Postgres: a few threads, each with a connection only while it reads."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection
from django_eventstream.utils import get_storage

from chat.live.channels import room_of
from chat.rooms.models import Room

THREADS = 2
T = TypeVar("T")


class Postgres:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="source")

    async def heads(self, topics: Collection[str]) -> dict[str, int]:
        """The newest seq of each room topic, in one query."""
        rooms = {room_of(topic): topic for topic in topics}
        heads = await self.run(lambda: Room.objects.heads(rooms))
        return {rooms[room]: head for room, head in heads.items()}

    async def changes(self, topic: str, after: int, limit: int) -> list[tuple[int, str]]:
        """(seq, html) from the storage of django-eventstream's making."""
        events = await self.run(lambda: get_storage().get_events(topic, after, limit))
        return [(event.id, event.data) for event in events]

    async def run(self, read: Callable[[], T]) -> T:
        """Runs `read` in a thread that gives its connection back to the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _and_let_go, read)

    def close(self) -> None:
        """Drops the reads that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _and_let_go(read: Callable[[], T]) -> T:
    try:
        return read()
    finally:
        connection.close()
