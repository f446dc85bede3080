"""The listening socket. It outlives the server that serves it: while that is brought back, callers wait in line."""

import errno
import socket
import time

from project.engines.process import Pause
from project.environment import WrongSetting

_BACKLOG = 4096
_PATIENCE = 2.0  # seconds for the server of a killed run to let go of the port


def bind(host: str, port: int, pause: Pause) -> socket.socket:
    """Take HOST and PORT, which still refuse connections. Raises WrongSetting, and what pause raises."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise WrongSetting(f"HOST {host!r} must be a name or address of this machine; it cannot be found.") from error
    begun = time.monotonic()
    while True:
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() - begun > _PATIENCE:
                raise _wrong(host, port, error) from error
            pause(0.1)
        else:
            return listener


def listen(listener: socket.socket, host: str, port: int) -> None:
    """Accept connections from now on. Raises WrongSetting."""
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _wrong(host, port, error) from error


def address(host: str, port: int) -> str:
    """The address of the first page, for a person."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _wrong(host: str, port: int, error: OSError) -> WrongSetting:
    if error.errno == errno.EADDRINUSE:
        return WrongSetting(f"PORT {port} is in use by another program; stop that or choose another port.")
    if error.errno == errno.EACCES:
        return WrongSetting(f"PORT {port} is not open to this account; choose one from 1024 upwards.")
    if error.errno == errno.EADDRNOTAVAIL:
        return WrongSetting(f"HOST {host!r} must be an address of this machine, such as 127.0.0.1 or 0.0.0.0.")
    return WrongSetting(f"HOST {host!r} with PORT {port} cannot be listened at: {error.strerror}.")
