"""What happens to accounts."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from chat.accounts.models import User


def create_person(*, username: str, name: str, password: str | None = None) -> User:
    """Returns the person of this username, made now unless there was one. Without a password nobody can sign in."""
    person, created = User.objects.get_or_create(username=username, defaults={"name": name})
    if created:
        person.set_password(password)
        person.save(update_fields=["password"])
    return person


def create_people(*, names: Iterable[str]) -> list[User]:
    """Many at once, each with the username as name and no password; those who exist stay as they are."""
    names = list(names)
    people = [User(username=name, name=name, password="!") for name in names]  # noqa: S106  # "!" matches no password
    User.objects.bulk_create(people, ignore_conflicts=True, batch_size=5000)
    return list(User.objects.filter(username__in=names).order_by("username"))


def open_session(*, person: User) -> str:
    """Signs this person in without a browser. Returns the session key."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key
