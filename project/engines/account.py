"""Which account the engines run as.

Postgres refuses to run as root, so root's engines run as `postgres` or `nobody`. Nothing outside DATA_DIR is
changed for that account's sake: where a closed folder lies on its way, its processes get the one capability to pass.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from project.engines.failure import Failed

_PASS_ANY_FOLDER = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


@dataclass(frozen=True)
class Account:
    """A system account by its numbers."""

    uid: int
    gid: int


def engines_account(data_dir: Path) -> Account | None:
    """The account to switch to, None where this process is not root and its own account does.

    An existing database keeps its owner. Raises Failed.
    """
    if os.geteuid() != 0:
        return None
    cluster = data_dir / "postgres"
    if cluster.exists() and (status := cluster.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Failed("Postgres cannot run as root and there is no account named postgres or nobody to run it as.")


def switch_to(account: Account | None, *paths: Path) -> list[str]:
    """The start of a command line that runs the rest as the account, able to reach the paths. Raises Failed."""
    if account is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Failed("Running as root needs setpriv (Debian and Fedora: package util-linux), which was not found.")
    switch = [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    look = ["sh", "-c", 'for path; do test -x "$path" || exit 1; done', "sh"]
    reachable = subprocess.run([*switch, *look, *map(str, paths)], cwd="/", check=False).returncode == 0
    return switch if reachable else [*switch, *_PASS_ANY_FOLDER]


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder and all in it, where it is not yet."""
    if account is None or path.stat().st_uid == account.uid:
        return
    for folder, _, files in os.walk(path):
        for each in (".", *files):
            os.chown(Path(folder, each), account.uid, account.gid, follow_symlinks=False)
