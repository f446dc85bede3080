"""Pages and streams, for an ASGI server. Django itself runs behind the WSGI bridge, never in its ASGI handler."""

from project.wsgi import application as django  # isort: skip  # first: it loads the apps

from chat.live.asgi import Madang

application = Madang(django)
