"""Signed in, or sent to sign in."""

from collections.abc import Callable
from typing import cast

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from chat.accounts.models import User


class SignInRequired(LoginRequiredMiddleware):
    """Every view wants a signed-in person unless it says otherwise; streams and htmx get a 401, no redirect."""

    def handle_no_permission(  # type: ignore[override]  # a 401 is no redirect
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if getattr(view_func, "answers_strangers_with_401", False):
            return HttpResponse("Sign in first.\n", status=401, content_type="text/plain")
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Redirect": reverse("login")})
        if request.method == "POST":
            return _sign_in_first(request)
        return super().handle_no_permission(request, view_func)


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    """The sign-in page in answer to a form. It keeps what was typed, and leads to the room of the form."""
    room_id = request.resolver_match.kwargs.get("room_id") if request.resolver_match else None
    context = {
        "form": AuthenticationForm(request),
        "next": reverse("room", args=[room_id]) if room_id else reverse("home"),
        "unsent": request.POST.get("text", ""),
    }
    return render(request, "chat/accounts/login.html", context, status=401)


def person(request: HttpRequest) -> User:
    """The signed-in person of a request that SignInRequired let through."""
    return cast(User, request.user)
