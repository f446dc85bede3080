"""Where the engines' unix sockets are.

A socket's path has at most 107 bytes (unix(7)), and libpq reads a comma in a host as a list, so the sockets of a
DATA_DIR that is deep or oddly named lie in a short private folder elsewhere, to which DATA_DIR/run is then a link.
"""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from project.engines.account import Account, give

_LONGEST = 107
_LONGEST_NAME = ".s.PGSQL.5432"


def folder(data_dir: Path) -> Path:
    """The folder of the sockets, whether it exists yet or not. Changes nothing."""
    inside = data_dir / "run"
    if inside.is_symlink():
        # A copy of a DATA_DIR must not lead to the engines of the original.
        kept = inside.readlink()
        return kept if kept.name.startswith(_name(data_dir)) else _outside(data_dir)
    return inside if _fits(inside) else _outside(data_dir)


def make(data_dir: Path, account: Account | None) -> Path:
    """Make the folder, for nobody but the engines' account and root, and return it. Hold the start lock."""
    inside = data_dir / "run"
    chosen = folder(data_dir)
    if not _is_private(chosen, account):
        chosen = _outside(data_dir)
        if not _is_private(chosen, account):
            chosen = Path(tempfile.mkdtemp(prefix=f"{_name(data_dir)}-", dir=chosen.parent))
    if chosen != inside and not (inside.is_symlink() and inside.readlink() == chosen):
        if inside.is_symlink():
            inside.unlink()
        elif inside.exists():
            shutil.rmtree(inside)
        inside.symlink_to(chosen)
    give(chosen, account)
    return chosen


def _name(data_dir: Path) -> str:
    return f"madang-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"


def _fits(path: Path) -> bool:
    plain = re.fullmatch(r"[\w/. +@=~:()-]+", str(path)) is not None
    return plain and len(os.fsencode(path / _LONGEST_NAME)) <= _LONGEST


def _outside(data_dir: Path) -> Path:
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        place = Path(base) / _name(data_dir)
        if place.is_absolute() and _fits(place / "12345678") and os.access(base, os.W_OK | os.X_OK):
            return place
    return Path("/tmp") / _name(data_dir)  # noqa: S108 (made and checked as a private folder)


def _is_private(path: Path, account: Account | None) -> bool:
    """True if the folder could be made, or is one that only we and the engines' account can enter."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        status = path.lstat()
        owned = stat.S_ISDIR(status.st_mode) and status.st_uid in {os.geteuid(), account.uid if account else -1}
        return owned and not status.st_mode & 0o077
    except FileNotFoundError:
        return False
    return True
