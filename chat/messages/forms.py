import uuid
from typing import Any
from urllib.parse import unquote_to_bytes

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.messages.actions import LONGEST, BadText, EmptyText, TooLong, clean


def is_garbled(request: HttpRequest) -> bool:
    """Whether a form's bytes are no UTF-8, lone surrogates for instance. Django would put U+FFFD in their place."""
    if request.content_type != "application/x-www-form-urlencoded":
        return False
    try:
        unquote_to_bytes(request.body).decode()
    except UnicodeDecodeError:
        return True
    return False


class TextForm(forms.Form):
    """Says what is wrong in words a person understands. The text stays as it was typed."""

    text = forms.CharField(strip=False, required=False, widget=forms.Textarea)

    def __init__(self, *args: Any, garbled: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.garbled = garbled

    def clean_text(self) -> str:
        try:
            if self.garbled:
                raise BadText
            return clean(self.cleaned_data["text"])
        except EmptyText:
            raise forms.ValidationError(_("Write something first.")) from None
        except TooLong:
            length = len(self.cleaned_data["text"])
            raise forms.ValidationError(
                _("This has %(length)s characters; a message can have up to %(longest)s."),
                params={"length": length, "longest": LONGEST},
            ) from None
        except BadText:
            raise forms.ValidationError(_("This contains characters that cannot be stored.")) from None

    @property
    def problems(self) -> str:
        return "\n".join(message for messages in self.errors.values() for message in map(str, messages))


class PostForm(TextForm):
    client_mid = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("The message's own id is missing. Reload the page and send again."),
            "invalid": _("The message's own id is not a UUID. Reload the page and send again."),
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "composer-%s")
        super().__init__(*args, **kwargs)

    def renew_client_mid(self) -> None:
        """So that the form, shown again, can be sent."""
        self.data = {"text": self.data.get("text", ""), "client_mid": str(uuid.uuid4())}
