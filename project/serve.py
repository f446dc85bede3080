"""python -m project.serve: one uvicorn process with pages and streams.

uvicorn waits for open streams for ever, so its streams are sent away before it shuts down.
"""

import argparse
import asyncio
import os
import signal
import socket
from types import FrameType

import uvicorn

from project.asgi import application
from project.connection import Connection

BACKLOG = 4096
SHUTDOWN_SECONDS = 4
KEEP_ALIVE_SECONDS = 75
UNREAD_MS = 20_000
"""How long the kernel keeps a connection whose other end takes nothing."""


class Server(uvicorn.Server):
    """Drains on SIGTERM and SIGINT."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            asyncio.get_running_loop().call_soon_threadsafe(self._drain)
        super().handle_exit(sig, frame)

    def _drain(self) -> None:
        application.drain()


def main() -> None:
    options = _options()
    listener = _listener(options)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=Connection,
        lifespan="on",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        ws="none",
    )
    server = Server(config)
    asyncio.Runner(loop_factory=config.get_loop_factory()).run(_serve(server, listener, options.lifeline))


async def _serve(server: Server, listener: socket.socket, lifeline: int | None) -> None:
    if lifeline is not None:
        os.set_inheritable(lifeline, False)
        asyncio.get_running_loop().add_reader(lifeline, _follow_parent, lifeline)
    await server.serve(sockets=[listener])


def _follow_parent(lifeline: int) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    os.kill(os.getpid(), signal.SIGTERM)


def _listener(options: argparse.Namespace) -> socket.socket:
    if options.fd is not None:
        listener = socket.socket(fileno=options.fd)
    else:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listener = socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
    listener.set_inheritable(False)  # the pages' process has no business with it
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listener


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m project.serve", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000)
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited")
    parser.add_argument("--lifeline", type=int, help="a pipe; the process ends when its other end does")
    return parser.parse_args()


if __name__ == "__main__":
    main()
