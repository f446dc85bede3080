"""One stream against a socket that is full: order is kept, memory is bounded, who does not read is cut off."""

import asyncio

import pytest

from chat.stream import serve as serve_module
from chat.stream.serve import ASGIMessage, Stream
from tests.stream.told import told


class Socket:
    """A connection whose other end reads while it is open. What `serve` would send besides is noted too."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False
        self.room = asyncio.Event()
        self.room.set()

    @property
    def full(self) -> bool:
        return not self.room.is_set()

    def write(self, data: bytes) -> None:
        length, rest = data.split(b"\r\n", 1)
        assert len(rest) == int(length, 16) + 2
        assert rest.endswith(b"\r\n")
        self.written.append(rest[:-2])

    async def writable(self) -> None:
        await self.room.wait()

    def abort(self) -> None:
        self.aborted = True

    async def send(self, message: ASGIMessage) -> None:
        self.written.append(message.get("body", b"head"))


async def opened(socket: Socket) -> Stream:
    stream = Stream(socket.send, socket)
    await stream.start()
    socket.written.clear()
    return stream


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@told
async def test_frames_are_written_at_once_without_a_task() -> None:
    socket = Socket()
    stream = await opened(socket)
    stream.push(b"a")
    stream.push(b"b")
    assert socket.written == [b"a", b"b"]


@told
async def test_what_waited_goes_out_in_one_piece_and_in_order() -> None:
    socket = Socket()
    stream = await opened(socket)
    socket.room.clear()
    for frame in (b"a", b"b", b"c"):
        stream.push(frame)
    assert socket.written == []
    socket.room.set()
    await stream.drained()
    await settle()
    stream.push(b"d")
    assert socket.written == [b"abc", b"d"]


async def _held(socket: Socket, streams: list[Stream]) -> None:
    """What `serve` does: it waits until the stream is ended."""
    stream = await opened(socket)
    streams.append(stream)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        assert stream.ended
    finally:
        await stream.close()


@told
async def test_who_lets_too_much_wait_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_module, "MOST_WAITING_BYTES", 100)
    socket, streams = Socket(), list[Stream]()
    task = asyncio.create_task(_held(socket, streams))
    await settle()
    socket.room.clear()
    for _ in range(10):
        streams[0].push(b"x" * 20)
    await asyncio.wait_for(task, 5)
    assert socket.aborted
    streams[0].push(b"late")
    assert socket.written == []


@told
async def test_who_reads_nothing_for_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_module, "WRITE_SECONDS", 0.05)
    socket, streams = Socket(), list[Stream]()
    task = asyncio.create_task(_held(socket, streams))
    await settle()
    socket.room.clear()
    streams[0].push(b"x")
    await asyncio.wait_for(task, 5)
    assert socket.aborted


@told
async def test_the_last_frame_is_sent_before_the_end() -> None:
    socket, streams = Socket(), list[Stream]()
    task = asyncio.create_task(_held(socket, streams))
    await settle()
    streams[0].end(b"bye")
    await asyncio.wait_for(task, 5)
    assert socket.written == [b"bye", b""]


@told
async def test_who_has_gone_is_forgotten() -> None:
    class Gone(Socket):
        def write(self, data: bytes) -> None:
            raise ConnectionResetError

    socket, streams = Gone(), list[Stream]()
    task = asyncio.create_task(_held(socket, streams))
    await settle()
    streams[0].push(b"x")
    await asyncio.wait_for(task, 5)
    assert streams[0].ended


@told
async def test_a_replay_waits_until_the_reader_has_taken_it() -> None:
    socket = Socket()
    stream = await opened(socket)
    stream.push(b"page")
    socket.room.clear()
    waiting = asyncio.create_task(stream.drained())
    await settle()
    assert not waiting.done()
    socket.room.set()
    await asyncio.wait_for(waiting, 5)
