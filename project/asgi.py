"""Pages and streams, for an ASGI server. Django itself runs behind the WSGI bridge, never in its ASGI handler."""

from chat.live.asgi import Madang
from project.wsgi import application as django

application = Madang(django)
