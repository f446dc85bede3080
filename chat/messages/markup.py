"""What people type, as safe HTML."""

from django.utils.html import escape
from django.utils.safestring import SafeString


def to_html(text: str) -> SafeString:
    """The text with nothing in it that a browser would take for markup; line breaks are kept as they are."""
    return escape(text)
