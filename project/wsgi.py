"""The pages, for a WSGI server."""

import logging
import os
import re
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

log = logging.getLogger("madang")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, behind a check that it does not survive itself: a charset that is not UTF-8 ends in a 500 there."""
    charset = re.search(r"charset\s*=\s*[\"']?([^\s;\"']*)", environ.get("CONTENT_TYPE", ""), re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8"}:
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Requests are UTF-8 here.\n"]
    try:
        return _django(environ, start_response)
    except (ValueError, LookupError):  # WSGIRequest cannot take the headers apart: before Django's own handling
        log.exception("not understood: %s", environ.get("CONTENT_TYPE"))
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"This request cannot be understood.\n"]
