"""verify finds damage inside the database that no table's rows show."""

import pytest
from django.db import connection

from markets.audit.balances import Difference
from tests.markets.keeping import commit_history, random_history, run_verify

HISTORY = random_history(seed=82, length=100)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_an_index_of_sqlite_that_lacks_a_row(sqlite: str) -> None:
    commit_history(HISTORY)
    execute("CREATE INDEX by_name ON accounts_account (name)")
    run_verify()
    execute("PRAGMA writable_schema = ON")
    execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX by_name ON accounts_account (kind)' WHERE name = 'by_name'")
    connection.close()
    with pytest.raises(Difference, match=r"SQLite's integrity check says: .*by_name"):
        run_verify()


def test_a_row_of_sqlite_that_points_nowhere(sqlite: str) -> None:
    commit_history(HISTORY)
    execute("PRAGMA foreign_keys = OFF")
    execute("INSERT INTO accounts_user_groups (user_id, group_id) VALUES (1000, 1000)")
    with pytest.raises(Difference, match=r"accounts_user_groups: row 1 points to a row of .* that does not exist"):
        run_verify()


@pytest.mark.postgres
def test_an_index_of_postgresql_that_lacks_a_row(postgres: str) -> None:
    commit_history(HISTORY)
    execute("CREATE INDEX by_note ON accounts_transfer (note, id)")
    (line, *_) = run_verify()
    assert line.startswith("database: ")
    switch = "UPDATE pg_index SET indisready = {0}, indisvalid = {0} WHERE indexrelid = 'by_note'::regclass"
    execute(switch.format("false"))
    connection.close()
    execute("UPDATE accounts_transfer SET note = 'forgotten' WHERE id = 1", switch.format("true"))
    connection.close()
    with pytest.raises(Difference, match=r"the index by_note gives .* rows that are not the .* of accounts_transfer"):
        run_verify()
