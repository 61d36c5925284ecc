"""Django's database backend for PostgreSQL, with a check of every connection that the pool hands out.

Django's own check (CONN_HEALTH_CHECKS) replaces one dead connection at a time and waits longer before each next one.
After a restart of PostgreSQL all idle connections are dead, and a request would wait up to half a minute.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        """A connection that answers, by one round trip. Raises OperationalError if none comes in the pool's time-out.

        If one is dead, all idle ones are replaced, because the server has probably restarted.
        """
        connection = super().get_new_connection(conn_params)
        while self.pool is not None and not _answers(connection):
            self.pool.putconn(connection)
            self.pool.drain()
            connection = super().get_new_connection(conn_params)
        return connection


def _answers(connection: Connection[Any]) -> bool:
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    return True
