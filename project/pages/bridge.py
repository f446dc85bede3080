"""The server's end: an ASGI application whose answers come from the pages' process."""

import asyncio
import itertools
import logging
import socket
import sys

from chat.live.asgi import FACTS
from chat.stream.serve import Receive, Scope, Send
from project import environment
from project.pages import frames
from project.pages.frames import Answer, Question

ANSWER_SECONDS = 9
LAST_SECONDS = 2
AGAIN_SECONDS = (0, 0.2, 0.5, 1, 2, 5)
_SENTENCE = (
    "Madang cannot answer just now. Try again in a moment.\n지금은 응답할 수 없습니다. 잠시 후 다시 시도해 주세요.\n"
)

_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2")]
_UNAVAILABLE = Answer(0, 503, _HEADERS, _SENTENCE.encode())

log = logging.getLogger("madang.pages")


class Pages:
    """Answers 503 with Retry-After while the process is away, and for what it does not answer in ANSWER_SECONDS.

    Bodies are expected in one piece.
    """

    def __init__(self) -> None:
        self._link: asyncio.Transport | None = None
        self._linked = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the scope's extension FACTS says goes into the WSGI environ."""
        answer = await self._ask(scope, (await receive())["body"])
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _ask(self, scope: Scope, body: bytes) -> Answer:
        number = next(self._numbers)
        facts = scope["extensions"].get(FACTS, {})
        question = Question(
            number,
            scope["method"],
            scope["path"],
            scope["query_string"],
            scope["headers"],
            scope["scheme"],
            scope["client"],
            scope["server"],
            facts,
            body,
        )
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._linked.wait()
                self._waiting[number] = future
                assert self._link is not None
                self._link.write(frames.pack(question))
                return await future
        except TimeoutError:
            log.warning("not answered within %s s: %s %s", ANSWER_SECONDS, question.method, question.path)
            return _UNAVAILABLE
        finally:
            self._waiting.pop(number, None)

    async def run(self) -> None:
        """Starts the process, and again whenever it has died, until cancelled."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._live()
            except OSError:
                log.exception("the pages cannot be started just now")
            failures = 0 if asyncio.get_running_loop().time() - started > max(AGAIN_SECONDS) else failures + 1
            log.error("the pages have ended; starting them again")
            await asyncio.sleep(AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)])

    async def _live(self) -> None:
        """One life of the process."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "project.pages.worker", str(theirs.fileno())]
            child = await asyncio.create_subprocess_exec(
                *command, cwd=environment.ROOT, stdin=asyncio.subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self._link, _ = await asyncio.get_running_loop().create_unix_connection(lambda: _Link(self._waiting), sock=ours)
        self._linked.set()
        try:
            await child.wait()
        finally:
            self._linked.clear()
            self._link.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_result(_UNAVAILABLE)
            await _end(child)


class _Link(asyncio.Protocol):
    def __init__(self, waiting: dict[int, asyncio.Future[Answer]]) -> None:
        self._waiting = waiting
        self._reader = frames.Reader()

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            answer = Answer(*message)
            future = self._waiting.get(answer.number)
            if future is not None and not future.done():
                future.set_result(answer)


async def _end(child: asyncio.subprocess.Process) -> None:
    """It ends by itself when its link is closed, unless it hangs."""
    try:
        async with asyncio.timeout(LAST_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
