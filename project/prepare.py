"""Bring the database and the static files up to this version; in development, make the demo rooms."""

import io
import os

import django
from django.core.management import call_command
from django.db import connection

from project import environment

_LOCK = 0x6D6164616E67  # "madang": so that of several starting on one database one migrates


def main() -> None:
    """Do it all; what is done already is not done again."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if not environment.read().production:
            call_command("seed", stdout=io.StringIO())
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


if __name__ == "__main__":
    main()
