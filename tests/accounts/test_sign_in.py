"""Signing in and out, by form."""

import uuid

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tests.conftest import Browser, Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(cast: Cast) -> Cast:
    cast.bob.set_password("madang")
    cast.bob.save()
    return cast


def test_sign_in_leads_to_where_one_wanted_to_go(bob: Cast) -> None:
    form = {"username": "bob", "password": "madang"}
    room = f"/rooms/{bob.room.pk}/"
    assert Client().post("/accounts/login/", form)["Location"] == "/"
    assert Client().post("/accounts/login/", form | {"next": room})["Location"] == room
    assert Client().post("/accounts/login/", form | {"next": "https://example.com/"})["Location"] == "/"


@pytest.mark.parametrize(
    "form", [{}, {"username": "bob"}, {"username": "bob", "password": "wrong"}, {"username": "b\0", "password": "\0"}]
)
def test_a_wrong_sign_in_is_told_so_and_keeps_the_name(bob: Cast, form: dict[str, str]) -> None:
    response = Client().post("/accounts/login/", form)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Session.objects.exists()
    if form.get("username") == "bob":
        assert 'value="bob"' in response.text


def test_sign_out_ends_the_session(bob: Cast) -> None:
    browser = Browser(bob.bob)
    assert browser.get("/accounts/logout/").status_code == 405
    assert browser.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert not Session.objects.exists()
    assert browser.get(f"/rooms/{bob.room.pk}/").status_code == 401


def test_who_is_signed_in_is_not_asked_again(bob: Cast) -> None:
    assert Browser(bob.bob).get("/accounts/login/")["Location"] == "/"


def test_the_stylesheet_of_ones_own_messages(bob: Cast) -> None:
    response = Client().get("/mine/1234.css")
    assert response["Content-Type"].startswith("text/css")
    assert '[data-sender="1234"]' in response.text


def test_pages_allow_no_inline_script_and_no_frame(bob: Cast) -> None:
    policy = Browser(bob.bob).get(f"/rooms/{bob.room.pk}/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_what_was_typed_outlives_a_session_that_ended(bob: Cast) -> None:
    browser = Client()
    room, mid = f"/rooms/{bob.room.pk}/", str(uuid.uuid4())
    refused = browser.post(f"{room}messages/", {"text": "long\nthoughts & <more>", "client_mid": mid})
    assert refused.status_code == 401
    assert refused.context["next"] == room
    assert "long\nthoughts &amp; &lt;more&gt;" in refused.text
    form = {"username": "bob", "next": room, "unsent": refused.context["unsent"]}
    wrong = browser.post("/accounts/login/", form | {"password": "wrong"})
    assert wrong.context["unsent"] == "long\nthoughts & <more>"
    assert browser.post("/accounts/login/", form | {"password": "madang"})["Location"] == room
    composer = browser.get(room).context["composer"]
    assert composer["text"].value() == "long\nthoughts & <more>"
    browser.post(f"{room}messages/", {"text": composer["text"].value(), "client_mid": mid})
    assert browser.get(room).context["composer"]["text"].value() == ""


def test_the_sign_in_page_does_not_lead_to_itself(bob: Cast) -> None:
    assert Browser(bob.bob).get("/accounts/login/?next=/accounts/login/")["Location"] == "/"
