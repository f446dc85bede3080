"""A bad link between a browser and Madang: a real HTTP/1.1 proxy whose streams can be cut, held up or answered for."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx

Answer = tuple[int, str, bytes]
"""Status, content type and body, in place of what Madang would say."""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class BadLink(ThreadingHTTPServer):
    """Good until a story says otherwise. Each request has a connection of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.behind = behind
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[float, str]] = []
        """When each stream was asked for, and its Last-Event-ID."""
        self.instead: list[Answer] | Answer | None = None
        """What streams are answered with: the next ones, or all. Status 0 says nothing and hangs up."""
        self.through: Callable[[bytes], bytes] = lambda frame: frame
        """What comes through of each frame: all, nothing, or a part, at which the stream breaks."""
        self.open: set[socket.socket] = set()
        """The streams."""
        self.most = 0
        """How many there were at once."""
        self.stalled: set[socket.socket] = set()
        self.over = Event()

    def cut(self) -> None:
        """Ends every open stream as a broken cable does."""
        for stream in tuple(self.open):
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """The open streams stay open, and nothing comes any more."""
        self.stalled |= self.open

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no error."""

    def answer(self) -> Answer | None:
        if isinstance(self.instead, list):
            return self.instead.pop(0) if self.instead else None
        return self.instead


class _Request(BaseHTTPRequestHandler):
    server: BadLink
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        is_stream = self.path.split("?")[0].endswith("/stream/")
        if is_stream:
            self.server.asked.append((time.monotonic(), self.headers.get("Last-Event-ID", "")))
            if answer := self.server.answer():
                self._say(*answer)
                return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
        with (
            httpx.Client(timeout=None, trust_env=False) as client,  # noqa: S113  # the link decides how long
            client.stream(self.command, self.server.behind + self.path, headers=headers, content=body) as answer,
        ):
            self._head(answer.status_code, answer.headers.multi_items())
            if is_stream and "text/event-stream" in answer.headers.get("content-type", ""):
                self._carry(answer)
            else:
                for piece in answer.iter_raw():
                    self.wfile.write(piece)

    do_POST = do_HEAD = do_GET  # noqa: N815

    def _carry(self, answer: httpx.Response) -> None:
        link = self.server
        link.open.add(self.connection)
        link.most = max(link.most, len(link.open))
        Thread(target=self._watch, daemon=True).start()
        unfinished = b""
        try:
            for piece in answer.iter_raw():
                *frames, unfinished = re.split(rb"(?<=\n\n)", unfinished + piece)
                for frame in frames:
                    if self.connection in link.stalled:
                        link.over.wait()
                    part = link.through(frame)
                    self.wfile.write(part)
                    if 0 < len(part) < len(frame):
                        self.connection.shutdown(socket.SHUT_RDWR)
        finally:
            link.open.discard(self.connection)

    def _watch(self) -> None:
        """A browser that let go of a stream says so by hanging up."""
        with suppress(OSError):
            self.connection.recv(1)
        self.server.open.discard(self.connection)

    def _say(self, status: int, content_type: str, body: bytes) -> None:
        self.close_connection = True
        if status:
            self._head(
                status, [("Content-Type", content_type), *([("Content-Length", str(len(body)))] if body else [])]
            )
            self.wfile.write(body)

    def _head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.close_connection = True
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP - {"content-length"}:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Stories tell enough."""


@contextmanager
def bad_link(behind: str) -> Iterator[BadLink]:
    with BadLink(behind) as link:
        Thread(target=link.serve_forever, args=(0.05,), daemon=True).start()
        yield link
        link.over.set()
        link.cut()
        link.shutdown()
