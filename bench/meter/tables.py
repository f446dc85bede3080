"""The table that each command prints, and the one sentence when something is missing."""

import argparse
import sys
from collections.abc import Callable, Sequence

Row = Sequence[object]


class Lacking(Exception):
    """What is missing here, as a sentence."""


def show(title: str, heads: Row, rows: Sequence[Row]) -> None:
    """Prints a table as Markdown reads it."""
    lines = [[_cell(cell) for cell in line] for line in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    print(f"\n{title}\n")
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |", flush=True)


def say(sentence: object) -> None:
    """What a person should know, apart from the table."""
    print(sentence, file=sys.stderr, flush=True)


def command(measure: Callable[[argparse.Namespace], None], about: str | None, **options: float | str) -> None:
    """Runs `measure` with the options of the command line, given here with their defaults."""
    parser = argparse.ArgumentParser(description=about)
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{default} unless given")
    try:
        measure(parser.parse_args())
    except Lacking as sentence:
        say(sentence)
        sys.exit(2)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
