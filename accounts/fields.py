"""A database field of the tables that the engine owns."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class EngineId(models.BigIntegerField):  # type: ignore[type-arg]  # the class takes no type argument at run time
    """A primary key that the engine assigns.

    On SQLite its type is INTEGER, so that it is the rowid itself. Any other type adds a second B-tree, written with
    every row.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)
