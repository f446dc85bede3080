"""Sharded pub/sub (Redis 7) where the server has it and the account may use it, else the older kind.

The two do not hear each other: what SPUBLISH says only SSUBSCRIBE hears. So both ends ask the server the same
questions, anew on each connection: when another version has taken its place, they still agree.

One Redis is meant, with or without replicas behind its address. There is no client for a Redis Cluster here.
"""

from collections.abc import Sequence
from typing import Any

import redis

_TRIED = "madang.tried"
QUESTIONS = (
    ("SUNSUBSCRIBE", _TRIED),  # first: who may not leave must not enter
    ("SPUBLISH", _TRIED, ""),
    ("SSUBSCRIBE", _TRIED),
    ("SUNSUBSCRIBE", _TRIED),
)


def ask(connection: Any) -> None:
    """Makes a connection ready to `publish`: the `redis_connect_func` of its client."""
    connection.on_connect()
    connection.madang_shards = all(_understood(connection, question) for question in QUESTIONS)


async def has_shards(connection: Any) -> bool:
    """Whether to subscribe on this connection of redis.asyncio with SSUBSCRIBE."""
    for question in QUESTIONS:
        await connection.send_command(*question, check_health=False)
        try:
            await connection.read_response(push_request=True)
        except redis.ResponseError:
            return False
    return True


def publish(client: redis.Redis, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publishes each (channel, payload), all in one round trip; once more on a new connection if the old one was lost.

    Raises redis.RedisError.
    """
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        try:
            _publish(connection, messages)
        except redis.ConnectionError:
            _publish(connection, messages)
    finally:
        pool.release(connection)


def _publish(connection: Any, messages: Sequence[tuple[str, bytes]]) -> None:
    connection.connect()  # first, for it tells which command this server understands
    command = "SPUBLISH" if connection.madang_shards else "PUBLISH"
    try:
        packed = connection.pack_commands([(command, *message) for message in messages])
        connection.send_packed_command(packed, check_health=False)
        for _ in messages:
            connection.read_response()
    except BaseException:
        connection.disconnect()  # some answers may still be on their way
        raise


def _understood(connection: Any, question: Sequence[str]) -> bool:
    connection.send_command(*question, check_health=False)
    try:
        connection.read_response(push_request=True)
    except redis.ResponseError:
        return False
    return True
