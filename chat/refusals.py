"""Where the product's own errors become HTTP."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.defaults import page_not_found

from chat.messages.actions import Gone, NotYours
from chat.rooms.access import NotAMember


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
