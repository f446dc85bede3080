from django.urls import include, path

from project import health

handler500 = "chat.refusals.server_error"
urlpatterns = [
    path("health/", health.alive, name="health"),
    path("ready/", health.ready, name="ready"),
    path("", include("chat.urls")),
]
