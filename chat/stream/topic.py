"""One topic in this process: its changes in the order of their seqs, the newest of them kept, and who listens."""

import asyncio
from collections import deque
from typing import Protocol

FLUSH_SECONDS = 0.02
"""The shortest time between two writes to the listeners of a topic: a burst goes out in one."""
TAIL_BYTES = 256 * 1024
MOST_EARLY = 1000


class Listener(Protocol):
    cursor: int
    """The seq of the last change it was sent."""

    def push(self, frames: bytes) -> None:
        """Must not block: what cannot be written now is the listener's own matter."""
        ...

    async def drained(self) -> None:
        """Returns when all that was pushed has been written."""
        ...

    def end(self, frame: bytes) -> None:
        """Sends this last frame and closes."""
        ...


class Topic:
    """Frames go out only in order: `offer` keeps those that came early, `emit` sends what the source says is next."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.head: int | None = None
        """The newest seq that went out; None until the source was asked, for ever where there is no log."""
        self.floor = 0
        """The tail holds everything after this seq."""
        self.tail: deque[tuple[int, bytes]] = deque()
        self.early: dict[int, bytes] = {}
        self.listeners: set[Listener] = set()
        self.joining = 0
        self.doubted = False
        """Something may have been lost: the source has to be read."""
        self.healing: asyncio.Task[None] | None = None
        self._tail_bytes = 0
        self._outbox: list[tuple[int, bytes]] = []
        self._flushing: asyncio.Handle | None = None
        self._flushed_at = 0.0

    def start_at(self, head: int) -> None:
        """Forgets what was before; the next change is the one after `head`."""
        self._flush()
        self.head = self.floor = head
        self.tail.clear()
        self._tail_bytes = 0

    def offer(self, seq: int, frame: bytes) -> None:
        """A change as the bus brings it: sent if it is the next, kept if it is early, dropped if it was sent."""
        if len(self.early) >= MOST_EARLY:
            self.early.clear()  # the source has them all
        if self.head is None or seq > self.head:
            self.early[seq] = frame
        self.send_what_is_due()

    def send_what_is_due(self) -> None:
        while self.head is not None and (frame := self.early.pop(self.head + 1, None)):
            self.emit(self.head + 1, frame)

    def emit(self, seq: int, frame: bytes) -> None:
        """The next change, as the source tells it: numbers that were changed again may be left out."""
        if self.head is not None and seq <= self.head:
            return
        self.head = seq
        self.tail.append((seq, frame))
        self._tail_bytes += len(frame)
        while self._tail_bytes > TAIL_BYTES:
            self.floor, dropped = self.tail.popleft()
            self._tail_bytes -= len(dropped)
        self._outbox.append((seq, frame))
        if self._flushing is None:
            self._flush_in_time()

    def forget_the_early(self) -> None:
        """Drops what has been sent in the meantime."""
        head = self.head or 0
        self.early = {seq: frame for seq, frame in self.early.items() if seq > head}

    def send_tail(self, listener: Listener) -> None:
        """Brings a listener from its cursor, which is not before the floor, to the head."""
        if frames := [frame for seq, frame in self.tail if seq > listener.cursor]:
            listener.push(b"".join(frames))
            listener.cursor = self.tail[-1][0]

    def signal(self, frame: bytes) -> None:
        for listener in tuple(self.listeners):
            listener.push(frame)

    def _flush_in_time(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._flushed_at + FLUSH_SECONDS - loop.time()
        self._flushing = loop.call_later(pause, self._flush) if pause > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, []
        first, last = outbox[0][0], outbox[-1][0]
        frames = b"".join(frame for _, frame in outbox)
        for listener in tuple(self.listeners):
            if listener.cursor < first:
                listener.cursor = last
                listener.push(frames)
            elif listener.cursor < last:  # it was sent some of them when it joined
                some = b"".join(frame for seq, frame in outbox if seq > listener.cursor)
                listener.cursor = last
                listener.push(some)
        self._flushed_at = asyncio.get_running_loop().time()
