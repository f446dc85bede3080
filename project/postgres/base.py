from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from chat.stream.breaker import Breaker

POSTGRES = Breaker(trips_on=PoolTimeout, refusal=psycopg.OperationalError("Postgres was away a moment ago"))


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        with POSTGRES:
            return super().get_new_connection(conn_params)
