"""People."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models

COLORS = 8


class User(AbstractUser):
    """A person. `username` is how they sign in and are addressed, `name` is what others see."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(max_length=80)

    REQUIRED_FIELDS = ["name"]

    class Meta:
        app_label = "chat"

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    def clean_fields(self, *args: Any, **kwargs: Any) -> None:
        self.name = self.name or self.username
        super().clean_fields(*args, **kwargs)

    @property
    def initials(self) -> str:
        return initials(self.name)

    @property
    def color(self) -> int:
        """1 to 8, the same for ever."""
        return self.pk % COLORS + 1


def initials(name: str) -> str:
    """Up to three letters that fit into a small square: 지영 of 김지영, Sam of Sam Okafor, 디자 of 디자인 마당."""
    word = (name.split() or ["?"])[0]
    if "가" <= word[0] <= "힣":
        return word[1:] if len(word) == 3 and len(name) == 3 else word[:2]
    return word[:3]
