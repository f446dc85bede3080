"""What the operator's environment variables ask for, checked and turned into values."""

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url

ROOT = Path(__file__).resolve().parent.parent


class WrongSetting(Exception):
    """A setting that cannot be used; the text is one sentence for the operator and holds no password."""


@dataclass(frozen=True)
class Environment:
    """The settings of one installation; a URL is None where the embedded engine is to be used."""

    host: str
    port: int
    data_dir: Path
    database_url: str | None
    redis_url: str | None
    production: bool


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read the settings. An empty variable counts as not given. Raises WrongSetting."""
    given = {name: value for name, value in environ.items() if value}
    return Environment(
        host=given.get("HOST", "127.0.0.1"),
        port=_port(given.get("PORT", "8000")),
        data_dir=(ROOT / given.get("DATA_DIR", ".data")).resolve(),
        database_url=_database_url(given.get("DATABASE_URL")),
        redis_url=_redis_url(given.get("REDIS_URL")),
        production=_is_production(given.get("MADANG_ENV", "development")),
    )


def secret_key(here: Environment, environ: Mapping[str, str] = os.environ) -> str:
    """The key that signs sessions: SECRET_KEY, or in development one made once and kept in DATA_DIR.

    Raises WrongSetting.
    """
    if given := environ.get("SECRET_KEY"):
        return given
    if here.production:
        raise WrongSetting("SECRET_KEY is not set; MADANG_ENV=production needs one, of 50 random characters or more.")
    kept = here.data_dir / "secret-key"
    if not kept.exists():
        make_data_dir(here)
        _write_once(kept, secrets.token_urlsafe(50))
    return kept.read_text()


def allowed_hosts(here: Environment, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The names that people may call this installation by: ALLOWED_HOSTS and this machine's own, in development all.

    Raises WrongSetting.
    """
    if not here.production:
        return ["*"]
    given = environ.get("ALLOWED_HOSTS", "").split()
    if not given:
        raise WrongSetting("ALLOWED_HOSTS is not set; MADANG_ENV=production needs the host names that people use.")
    return ["localhost", "127.0.0.1", "[::1]", *given]


def grip_urls(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Where the Pushpins in front are told what has changed: GRIP_URL, with a space between several.

    Raises WrongSetting.
    """
    return [_grip_url(url) for url in environ.get("GRIP_URL", "").split()]


def make_data_dir(here: Environment) -> None:
    """Make DATA_DIR where it is missing. Raises WrongSetting if it cannot be made or written to."""
    try:
        here.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=here.data_dir):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WrongSetting(f"DATA_DIR {here.data_dir} must be a folder Madang can write to: {reason}.") from error


def without_password(url: str) -> str:
    """A URL fit to be shown: everything before its last @ and every password= is left out."""
    shown = re.sub(r"^([a-z+]*:/*)?.*@", r"\1…@", url, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r"(password\s*=\s*)('[^']*'|[^\s&]+)", r"\1…", shown, flags=re.IGNORECASE)


def _port(given: str) -> int:
    port = int(given) if re.fullmatch(r"[0-9]{1,5}", given) else 0
    if not 1 <= port <= 65535:
        raise WrongSetting(f"PORT {given!r} must be a whole number from 1 to 65535.")
    return port


def _database_url(given: str | None) -> str | None:
    if given is None:
        return None
    wrong = f"DATABASE_URL {without_password(given)!r} must look like postgresql://user:password@host:5432/database"
    if not given.startswith(("postgresql://", "postgres://")):
        raise WrongSetting(f"{wrong}.")
    try:
        parts = conninfo_to_dict(given)
    except psycopg.Error:  # its text may quote the password
        raise WrongSetting(f"{wrong}; Postgres' own parser does not accept it.") from None
    if not parts.get("dbname") and not parts.get("service"):
        raise WrongSetting(f"{wrong}; it names no database.")
    return given


def _redis_url(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        parse_url(given)  # type: ignore[no-untyped-call]
    except ValueError:
        shown = without_password(given)
        raise WrongSetting(f"REDIS_URL {shown!r} must look like redis://:password@host:6379/0.") from None
    return given


def _grip_url(given: str) -> str:
    parts = urlsplit(given)
    key = parse_qs(parts.query).get("key", [""])[0]
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(key) < 32:
        shown = without_password(given.partition("?")[0])
        raise WrongSetting(
            f"GRIP_URL {shown!r} must look like http://127.0.0.1:5561?key=…, a key of 32 characters or more."
        )
    return given


def _is_production(given: str) -> bool:
    if given not in {"development", "production"}:
        raise WrongSetting(f"MADANG_ENV {given!r} must be development or production.")
    return given == "production"


def _write_once(path: Path, text: str) -> None:
    """Create the file whole and private; of processes doing so at once one wins and the others keep its text."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    fresh = Path(name)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
