"""Pages and streams, for an ASGI server. Django answers in a process beside it; this one only reads with its models."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from chat.live.asgi import Madang  # noqa: E402  # needs the apps
from project.pages.bridge import Pages  # noqa: E402

application = Madang(Pages())
