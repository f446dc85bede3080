#!/usr/bin/env python
"""Django's commands. They use the engines that run in DATA_DIR, or start them for the time of the command."""

import os
import signal
import sys
from types import FrameType

from django.core.management import execute_from_command_line

from project import engines, environment


def main(arguments: list[str]) -> None:
    """Run one command. A setting or engine that cannot be used is one sentence and exit 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    if len(arguments) < 2 or arguments[1] in {"help", "version", "--help", "-h", "--version"}:
        execute_from_command_line(arguments)
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        with engines.borrowed(environment.read()):
            execute_from_command_line(arguments)
    except (environment.WrongSetting, engines.Failed) as sentence:
        print(sentence, file=sys.stderr)
        sys.exit(2)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main(sys.argv)
