"""Requests for console pages that send no command: tables, and the forms of people and roles."""

from typing import Any

from tests.live.permissions.operations import Operation, form
from tests.live.permissions.stage import Scene

# Tables of the exchange -> their address in the console.
ENGINES = {
    "accounts and their trees": "accounts/account",
    "ownership": "accounts/ownership",
    "transfers": "accounts/transfer",
    "markets": "markets/market",
    "who sees markets": "markets/marketvisibility",
    "orders": "markets/order",
    "trades": "markets/trade",
    "exposures": "markets/exposure",
    "payouts": "markets/payout",
    "the journal": "markets/journalentry",
    "auctions": "auctions/auction",
}
TOKENS = "accounts/apitoken"
OTHERS = {"people": "accounts/user", "roles": "auth/group", "e-mail addresses": "account/emailaddress"}
PASSWORD = "Correct horse 7 battery"


def looks(*paths: str) -> list[tuple[str, None]]:
    return [(f"/admin/{path}", None) for path in paths]


def pages_of_row(table: str, row: int) -> tuple[str, str]:
    return f"{table}/{row}/change/", f"{table}/{row}/history/"


def rows_of(table: str) -> Operation:
    """Looks at the list, the page of the newest row and that row's history."""

    def look(it: Scene) -> Any:
        row = it.stage.newest(table.replace("/", "_"))
        return looks(f"{table}/", *pages_of_row(table, row))

    return Operation(console=look)


def by_hand(it: Scene) -> Any:
    """What nobody may do: add or delete rows of the engine or tokens, or delete a person."""
    tables = (*ENGINES.values(), TOKENS)
    newest = {table: it.stage.newest(table.replace("/", "_")) for table in (*tables, OTHERS["people"])}
    taken = [f"{table}/{row}/delete/" for table, row in newest.items()]
    return looks(*(f"{table}/add/" for table in tables), *taken)


def person(it: Scene, **fields: Any) -> Any:
    who = it.stage.person("student1")
    return form(f"/admin/accounts/user/{who}/change/", username="student1", is_active="on", **fields)


def make_or_take_away(table: str) -> Operation:
    def look(it: Scene) -> Any:
        return looks(f"{table}/add/", f"{table}/{it.stage.newest(table.replace('/', '_'))}/delete/")

    return Operation(console=look)


CONSOLE = {
    "see the console": Operation(console=lambda it: looks("", "search/?s=market", "markets/", "auctions/")),
    **{f"see {name} in the console": rows_of(table) for name, table in (ENGINES | OTHERS).items()},
    "see tokens in the console": Operation(console=lambda it: looks(f"{TOKENS}/")),
    "see another's token in the console": Operation(
        console=lambda it: looks(f"{TOKENS}/{it.stage.spares['student0'][0]}/change/")
    ),
    "make or delete a row by hand": Operation(console=by_hand),
    "make a person": Operation(
        console=lambda it: form(
            "/admin/accounts/user/add/",
            username=it.name.replace(" ", "-"),
            usable_password="true",
            password1=PASSWORD,
            password2=PASSWORD,
        )
    ),
    "change a person": Operation(console=lambda it: person(it, first_name="Stu")),
    "give a role": Operation(console=lambda it: person(it, groups=it.stage.role("Viewer"))),
    "set a person's password": Operation(
        console=lambda it: form(
            f"/admin/accounts/user/{it.stage.person('student1')}/password/",
            usable_password="true",
            password1=PASSWORD,
            password2=PASSWORD,
        )
    ),
    "make or delete a role": make_or_take_away(OTHERS["roles"]),
    "change a role": Operation(
        console=lambda it: form(f"/admin/auth/group/{it.stage.role('Spare')}/change/", name="Spare")
    ),
    "make or delete an e-mail address": make_or_take_away(OTHERS["e-mail addresses"]),
}
