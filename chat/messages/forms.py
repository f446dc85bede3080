import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.messages.actions import LONGEST, BadText, EmptyText, TooLong, clean


class TextForm(forms.Form):
    """Says what is wrong in words a person understands. The text stays as it was typed."""

    text = forms.CharField(strip=False, required=False, widget=forms.Textarea)

    def clean_text(self) -> str:
        try:
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
