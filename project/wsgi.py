"""The pages, for a WSGI server."""

import os
import re
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, behind a check that it does not survive itself: a charset that is not UTF-8 ends in a 500 there."""
    charset = re.search(r"charset\s*=\s*[\"']?([^\s;\"']*)", environ.get("CONTENT_TYPE", ""), re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8"}:
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Requests are UTF-8 here.\n"]
    return _django(environ, start_response)
