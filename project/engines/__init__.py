"""Postgres and Redis: the ones the operator names by URL, or embedded ones that live in DATA_DIR."""

from project.engines import postgres, redis
from project.engines.failure import Failed
from project.engines.process import Engine
from project.engines.sharing import Share, borrowed, lock_alone

__all__ = ["Engine", "Failed", "Share", "borrowed", "lock_alone", "postgres", "redis"]
