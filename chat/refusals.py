"""Where the product's own errors, and a database that is away, become HTTP."""

import logging
import sys
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found
from django.views.defaults import server_error as own_fault

from chat.messages.actions import Gone, NotYours
from chat.rooms.access import NotAMember

RETRY_SECONDS = 3

log = logging.getLogger("madang")


class Refusals:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, NotAMember | Gone):
            return page_not_found(request, Http404())
        if isinstance(error, NotYours):
            return HttpResponseForbidden("Only the sender may change a message.\n", content_type="text/plain")
        return None


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, which also hears of what fails in middleware. The database being away is a 503."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return own_fault(request)
    log.warning("503 for %s, Postgres is away: %s", request.path, error)
    if "HX-Request" in request.headers or "text/html" not in request.headers.get("Accept", ""):
        sentence = _("The database is away. What is stored is safe; try again in a moment.")
        response = HttpResponse(f"{sentence}\n", status=503, content_type="text/plain; charset=utf-8")
    else:
        typed = {name: request.POST.get(name, "") for name in ("text", "client_mid")}
        response = render(request, "503.html", {"path": request.path} | typed, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would add a traceback for each
    return response
