"""Channels with channels_redis, as its tutorial has it: one consumer for each socket, in a group for the room.

Run as a program, it sends each line of its standard input to the group.
"""

import asyncio
import json
import os
import sys

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

REDIS = ("127.0.0.1", int(os.environ["REDIS_PORT"]))
settings.configure(
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [REDIS], "capacity": 20000},
        }
    },
    LOGGING_CONFIG=None,
)
django.setup()
urlpatterns = []


class Consumer(AsyncWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard("room", self.channel_name)

    async def message(self, event):
        await self.send(text_data=json.dumps(event))


async def send_lines():
    layer, loop = get_channel_layer(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await layer.group_send("room", {"type": "message", "html": line})


application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("stream/", Consumer.as_asgi())])}
)
if __name__ == "__main__":
    asyncio.run(send_lines())
