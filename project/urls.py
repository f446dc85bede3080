from django.urls import include, path

from project import health

urlpatterns = [
    path("health/", health.alive, name="health"),
    path("ready/", health.ready, name="ready"),
    path("", include("chat.urls")),
]
