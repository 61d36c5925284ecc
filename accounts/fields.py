"""A database field of the tables that the engine owns."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class EngineId(models.BigIntegerField):  # type: ignore[type-arg]  # it takes none at run time
    """A key that the engine counts. On SQLite it is the row's own number: a key of any type but INTEGER would be a
    second tree beside the rows, to be written with every one of them."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)
