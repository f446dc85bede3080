"""The units start what the Procfile starts, and what is in this repository."""

import re

from project.environment import ROOT

UNITS = ROOT / "deploy" / "systemd"


def _command(kind: str) -> str:
    (unit,) = UNITS.glob(f"madang-{kind}*.service")
    found = re.search(r"^ExecStart=/srv/madang/\.venv/bin/(.+)$", unit.read_text(), re.M)
    assert found is not None
    return found[1]


def test_units_and_procfile_start_the_same() -> None:
    for line in (ROOT / "Procfile").read_text().splitlines():
        kind, _, command = line.partition(": ")
        words = re.sub(r"\$\{\w+:-\d+\}", "%i", command).split()
        assert [word for word in words if word not in _command(kind).split()] == []
        assert (ROOT / ".venv" / "bin" / words[0]).exists()
