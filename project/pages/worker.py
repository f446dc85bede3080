"""python -m project.pages.worker FD: Django in a few threads, asked over the socket pair whose end FD is."""

import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from project.pages import frames
from project.pages.frames import Answer, Question
from project.wsgi import application

THREADS = 8
log = logging.getLogger("madang.pages")
LAST_WORDS_SECONDS = 5


class Worker:
    """The threads take turns at reading, so that a question is answered by the thread that read it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._incoming = link.makefile("rb")
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._gone = threading.Event()

    def run(self) -> None:
        """Answers until the server has gone."""
        threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        self._gone.wait()
        for thread in threads:
            thread.join(LAST_WORDS_SECONDS / THREADS)

    def _serve(self) -> None:
        while True:
            with self._reading:
                message = frames.read(self._incoming)
            if message is None:
                self._gone.set()
                return
            answer = frames.pack(_answer_whatever_happens(Question(*message)))
            with self._writing, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._link.sendall(answer)


def _answer_whatever_happens(question: Question) -> Answer:
    """Django answers for its own errors; what else fails here must not take the thread with it."""
    try:
        return _answer(question)
    except Exception:
        log.exception("not answered: %s %s", question.method, question.path)
        return Answer(question.number, 500, [(b"content-type", b"text/plain")], b"Something went wrong.\n")


def _answer(question: Question) -> Answer:
    head: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        head.append((status, headers))

    response: Iterable[bytes] = application(_environ(question), start_response)
    try:
        body = b"".join(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    status, headers = head[-1]
    encoded = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
    return Answer(question.number, int(status[:3]), encoded, body)


def _environ(question: Question) -> dict[str, Any]:
    """PEP 3333."""
    server, port = question.server or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": question.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": question.path.encode().decode("latin1"),
        "QUERY_STRING": question.query.decode("ascii"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": question.client[0] if question.client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": question.scheme,
        "wsgi.input": BytesIO(question.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **question.facts,
    }
    for name, value in question.headers:
        key = name.decode("latin1").upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        text = value.decode("latin1")
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    environ["CONTENT_LENGTH"] = str(len(question.body))  # also where it came in chunks
    return environ


def main() -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # the server tells it to end, when it has no more questions
    Worker(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
