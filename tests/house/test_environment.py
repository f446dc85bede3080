"""What the operator's variables become, and what is said where they cannot be used."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project import environment
from project.engines import postgres, redis
from project.environment import ROOT, WrongSetting


def test_nothing_given_is_a_development_instance_beside_the_code() -> None:
    here = environment.read({"PORT": "", "DATABASE_URL": ""})
    assert (here.host, here.port, here.data_dir) == ("127.0.0.1", 8000, ROOT / ".data")
    assert (here.database_url, here.redis_url) == (None, None)
    assert not here.production


def test_production_makes_no_key_of_its_own() -> None:
    here = environment.read({"MADANG_ENV": "production"})
    assert here.production
    with pytest.raises(WrongSetting, match="SECRET_KEY"):
        environment.secret_key(here, {})
    assert environment.secret_key(here, {"SECRET_KEY": "given"}) == "given"


def test_production_is_called_by_names_it_was_told() -> None:
    here = environment.read({"MADANG_ENV": "production"})
    with pytest.raises(WrongSetting, match="ALLOWED_HOSTS"):
        environment.allowed_hosts(here, {})
    hosts = environment.allowed_hosts(here, {"ALLOWED_HOSTS": "chat.example.org madang.example.org"})
    assert {"127.0.0.1", "chat.example.org", "madang.example.org"} <= set(hosts)
    assert "*" not in hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "８０００"),
        ("PORT", "8000.5"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "host=localhost password=s3cret dbname=x"),
        ("DATABASE_URL", "postgresql://alice:s3cret@host"),
        ("DATABASE_URL", "postgresql://host/x?no_such=1&password=s3cret"),
        ("DATABASE_URL", "postgres:/alice:s3cret@host/x"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://:s3cret@host:port/0"),
        ("MADANG_ENV", "prod"),
    ],
)
def test_a_wrong_value_is_one_sentence_without_the_password(name: str, value: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        environment.read({name: value})
    said = str(refused.value)
    assert said.startswith(name)
    assert said.endswith(".")
    assert "\n" not in said
    assert "s3cret" not in said


def test_a_password_with_an_at_sign_is_left_out_whole() -> None:
    assert environment.without_password("postgres://alice:s3cr@et@host/x") == "postgres://…@host/x"


def test_urls_reach_django_and_redis() -> None:
    url = "postgresql://alice:p%40ss@db.example:6000/madang?sslmode=require"
    here = environment.read({"DATABASE_URL": url, "REDIS_URL": "redis://cache/3"})
    settings = postgres.django_settings(here)
    assert {name: settings[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} == {
        "NAME": "madang",
        "USER": "alice",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6000",
    }
    assert settings["OPTIONS"]["sslmode"] == "require"
    assert redis.url(here) == "redis://cache/3"


def test_the_development_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    here = environment.read({"DATA_DIR": str(tmp_path / "data")})
    with ThreadPoolExecutor(20) as pool:
        keys = set(pool.map(lambda _: environment.secret_key(here, {}), range(20)))
    assert len(keys) == 1
    assert len(keys.pop()) > 50
    kept = list(here.data_dir.iterdir())
    assert [each.name for each in kept] == ["secret-key"]
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
