"""What happens to accounts."""

from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction

from chat.accounts.models import User
from chat.accounts.sessions import SessionStore
from chat.stream.announce import News, announce
from chat.stream.bus import CONTROL

ASK_AGAIN = "ask-again"


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


def ask_again(*, person: User) -> None:
    """Has every process ask, once this is committed, whether the person's open streams may stay open."""
    announce(News(CONTROL, partial(str, person.pk), event=ASK_AGAIN))


@transaction.atomic
def end_session(*, person: User, session_key: str) -> None:
    """Signs out one browser and ends its streams. Does nothing when the session has ended already."""
    Session.objects.filter(session_key=session_key).delete()
    ask_again(person=person)


def open_session(*, person: User) -> str:
    """Signs this person in without a browser. Returns the session key."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key


def forget_expired_sessions() -> None:
    """Removes what is kept of sessions whose time has passed. They have opened nothing since."""
    SessionStore.clear_expired()
