"""Django's database backend for PostgreSQL, with a check of every connection that the pool hands out.

Django's own check (CONN_HEALTH_CHECKS) replaces one dead connection at a time and waits longer before each next one.
After a restart of PostgreSQL all idle connections are dead, and a request would wait up to half a minute.
"""

import time
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        """A connection that answers, by one round trip. PoolTimeout if none comes in DATABASE_WAIT_SECONDS."""
        last = time.monotonic() + settings.DATABASE_WAIT_SECONDS
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:  # comes soon; the pool connects anew only when it is asked anew
                if time.monotonic() > last:
                    raise
                continue
            if self.pool is None or _answers(connection):
                return connection
            self.pool.putconn(connection)
            self.pool.drain()  # the server has probably restarted, so that no idle one answers
            if time.monotonic() > last:
                raise PoolTimeout("the server accepts connections and does not answer on them")


def _answers(connection: Connection[Any]) -> bool:
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    return True
