"""django-eventstream as shipped: its Redis listener, no storage."""

import os

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import include, path

settings.configure(
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_eventstream"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    EVENTSTREAM_REDIS={"host": "127.0.0.1", "port": int(os.environ["REDIS_PORT"]), "db": 0},
    LOGGING_CONFIG=None,
)
django.setup()
urlpatterns = [path("stream/", include("django_eventstream.urls"), {"channels": ["room"]})]
application = get_asgi_application()
