"""How the console shows entries of the journal."""

import json
import re
from html import unescape
from typing import Any, get_args

import pytest
from django.test import Client

from markets.console.entry_text import PLAIN, WRITERS, readable, summary
from markets.console.figures import described
from markets.engine import commands, events
from markets.engine.commands import Command, Out
from markets.engine.events import Event
from markets.models import JournalEntry
from tests.admin.conftest import AT_US, Class

RAIN_CREATED = {
    "market": 7,
    "name": "Rain",
    "description": "Will it?",
    "owner": 2,
    "min_settlement": "0.00",
    "max_settlement": "100.00",
    "tick_size": "0.50",
    "smallest_size": "1",
    "at_us": "2026-11-23 02:03:22",
    "category": "",
    "pinned": False,
    "visible_to": [],
    "hide_account_ids": False,
}


def shown(client: Client, seq: int) -> tuple[str, list[Any]]:
    """The page of an entry, and the JSON documents on it."""
    page = client.get(f"/admin/markets/journalentry/{seq}/change/").content.decode()
    return page, [json.loads(unescape(text)) for text in re.findall(r'console-json">(.*?)</pre>', page, re.DOTALL)]


def test_an_entry_shows_its_command_and_events_with_names_and_decimals(operator: Client, world: Class) -> None:
    page, (command, happened) = shown(operator, 2)
    assert command == {
        "by": world.alice_user.pk,
        "account": 2,
        "sudo": False,
        "key": "k",
        "name": "Rain",
        "description": "Will it?",
        "min_settlement": "0.00",
        "max_settlement": "100.00",
        "tick_size": "0.50",
        "smallest_size": "1",
        "markets_max": 20,
        "category": "",
        "category_public": True,
        "pinned": False,
        "visible_to": [],
        "hide_account_ids": False,
    }
    assert happened == [{"MarketCreated": RAIN_CREATED}]
    assert bytes(JournalEntry.objects.get(seq=2).hash).hex() in page
    assert "/admin/markets/journalentry/1/change/" in page
    assert "/admin/markets/journalentry/3/change/" not in page


def test_what_people_wrote_is_escaped(operator: Client, world: Class) -> None:
    gift = commands.Gift(world.operator_user.pk, 9, True, "k", 2, 1, "<script>alert(1)</script>")
    world.entry(gift, events.Transferred(1, 1, 2, 1, 4, "<script>alert(1)</script>", AT_US))
    page, (command, _) = shown(operator, 3)
    assert "<script>alert" not in page + operator.get("/admin/markets/journalentry/").content.decode()
    assert command["note"] == "<script>alert(1)</script>"


def test_the_table_says_what_was_asked_for_and_by_whom(operator: Client, world: Class) -> None:
    page = operator.get("/admin/markets/journalentry/").content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "2 2026-11-23 02:03:22 CreateMarket name Rain, description Will it?, min settlement 0.00" in text
    assert "CreateHouse - the exchange -" in text


@pytest.mark.parametrize("kind", ["Teleport", "Gift"])
def test_an_entry_of_an_unknown_kind_is_shown_as_it_is_stored(kind: str, operator: Client, world: Class) -> None:
    entry = JournalEntry.objects.create(
        seq=3,
        at_us=0,
        principal=0,
        account=0,
        kind=kind,
        rules=1,
        key="",
        command=b'[1,2,"x"]',
        events=b'[["Moved",1]]',
        hash=b"",
    )
    assert described(entry) == "a command that this version does not know"
    _, (command, happened) = shown(operator, 3)
    assert (command, happened) == ([1, 2, "x"], [["Moved", 1]])


@pytest.mark.parametrize("cls", [*get_args(Command), *get_args(Event)], ids=lambda cls: cls.__name__)
def test_every_field_is_known(cls: type[Any]) -> None:
    """A new field with a unit must not be shown as a bare integer."""
    assert [name for name in cls._fields if name not in PLAIN and name not in WRITERS] == []
    assert set(PLAIN).isdisjoint(WRITERS)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (commands.SettleMarket(1, 2, True, "k", 3, 7_000), "market 3, price 70.00"),
        (commands.SettleMarket(1, 2, True, "k", 3, 0), "market 3, price 0.00"),
        (commands.Gift(1, 2, True, "k", 3, 5_0001, ""), "to account 3, amount 5.0001"),
        (commands.SetMarketStatus(1, 2, True, "", 3, 3), "market 3, status PAUSED"),
        (Out(1, 2, False, "", 0, 0), ""),
        (Out(1, 2, False, "", 3, 1), "market 3, side BID"),
        (commands.EditMarket(1, 2, False, "", 3, None, "x"), "market 3, description x"),
        (
            commands.CreateOrder(1, 2, False, "", 3, 2, 4_850, 250, 1, True, 2),
            "market 3, side OFFER, price 48.50, size 2.5, time in force IOC, post only, self trade DECREMENT",
        ),
        (commands.CreateOrder(1, 2, False, "", 3, 1, 5, 1, 0, False, 0), "market 3, side BID, price 0.05, size 0.01"),
    ],
)
def test_a_command_in_one_line(thing: Any, said: str) -> None:
    assert summary(thing) == said


def test_codes_of_events_are_words() -> None:
    assert readable(events.AccountCreated(5, "A", 3, 0, 2))["kind"] == "ALT"
    assert readable(events.Transferred(1, 1, 2, 1, 4, "", 0))["kind"] == "GIFT"
    assert readable(events.OrderCancelled(1, 2, 3, 100, 0, 5))["cause"] == "BY_SETTLEMENT"
    assert readable(events.CreditsChanged(4, ((2, 450_0000), (3, 1))))["credits"] == {"2": "450", "3": "0.0001"}
    assert readable(events.OrderCancelled(1, 2, 3, 100, 0, 77))["cause"] == 77
