from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from chat.accounts.actions import open_session
from chat.accounts.models import User


class Command(BaseCommand):
    help = "Signs people in without a browser: prints one 'sessionid=…' line for each, for load tests and support."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("usernames", nargs="+", metavar="USERNAME")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        names = options["usernames"]
        people = {person.username: person for person in User.objects.filter(username__in=names, is_active=True)}
        if unknown := [name for name in names if name not in people]:
            raise CommandError(f"There is no active person called {', '.join(unknown)}.")
        for name in names:
            self.stdout.write(f"sessionid={open_session(person=people[name])}")
