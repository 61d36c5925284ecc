"""Entries can be read for ever, and no change of an entry goes unnoticed."""

from typing import get_args

import pytest

from markets.engine.commands import Command, CreateAccount, CreateOrder, EditMarket
from markets.engine.engine import Engine
from markets.engine.events import CreditsChanged, Event, Traded
from markets.journal.entries import (
    COMMANDS,
    EVENTS,
    GENESIS,
    Outcome,
    decode_command,
    decode_events,
    encode_command,
    encode_events,
    hash_entry,
    make_entry,
)
from markets.journal.projection import EVENT_TABLES
from tests.markets.keeping import apply_all, random_history

ORDER = CreateOrder(17, 23, False, "b-1", 3, 1, 5_012, 100, 0, False, 0)


class TestJson:
    def test_a_command_is_an_array_of_its_fields(self) -> None:
        assert encode_command(ORDER) == b'[17,23,false,"b-1",3,1,5012,100,0,false,0]'
        assert decode_command("CreateOrder", encode_command(ORDER)) == ORDER

    def test_events_are_arrays_with_their_names(self) -> None:
        events: list[Event] = [Traded(1, 3, 50, 5, 2, 3, 1, 9, 0, 10, 5, 17), CreditsChanged(4, ((2, 30), (3, 0)))]
        assert encode_events(events) == (b'[["Traded",1,3,50,5,2,3,1,9,0,10,5,17],["CreditsChanged",4,[[2,30],[3,0]]]]')
        assert decode_events(encode_events(events)) == events

    def test_an_older_journal_has_fewer_fields(self) -> None:
        """Fields that were added since take their defaults."""
        older = b'[1,2,false,"","Alt",0]'
        assert decode_command("CreateAccount", older) == CreateAccount(1, 2, False, "", "Alt", 0)

    def test_none_is_not_missing(self) -> None:
        command = EditMarket(1, 2, True, "", 3, None, "new")
        assert encode_command(command) == b'[1,2,true,"",3,null,"new",null,null,null,null]'
        assert decode_command("EditMarket", encode_command(command)) == command

    @pytest.mark.parametrize(
        ("kind", "data"),
        [
            ("BuyLottery", b"[]"),
            ("CreateOrder", b"[1,2]"),
            ("Out", b"[1,2,3,4,5,6,7,8,9,10,11,12]"),
            ("Out", b"[1,2,"),
            ("Out", b'{"by":1}'),
        ],
    )
    def test_an_unreadable_command_is_a_value_error(self, kind: str, data: bytes) -> None:
        with pytest.raises(ValueError, match=r"."):
            decode_command(kind, data)

    def test_a_reason_comes_back_and_is_in_the_chain(self) -> None:
        outcome = Outcome(7, 8, EditMarket(1, 2, True, "", 3, None, "new"), [], "A typing error.")
        entry = make_entry(outcome, GENESIS)
        assert entry.outcome() == outcome
        assert entry.follows(GENESIS)
        assert not entry._replace(reason="").follows(GENESIS)

    def test_every_command_and_event_has_a_name(self) -> None:
        assert COMMANDS.keys() == {cls.__name__ for cls in get_args(Command)}
        assert EVENTS.keys() == {cls.__name__ for cls in get_args(Event)}

    def test_everything_that_happens_comes_back(self) -> None:
        outcomes = apply_all(Engine(), random_history(seed=43, length=1_500))
        assert [make_entry(outcome, GENESIS).outcome() for outcome in outcomes] == outcomes
        assert {type(outcome.command).__name__ for outcome in outcomes} == COMMANDS.keys()
        assert {type(event).__name__ for outcome in outcomes for event in outcome.events} == EVENTS.keys()


def test_events_that_are_rows_have_the_columns_of_their_table() -> None:
    """Transferred, Traded and PaidOut are written as they are, followed by the seq."""
    for event, table in EVENT_TABLES.items():
        names = [field.name for field in table.fields]
        first = names[1:-1] if names[0] == "id" else names[:-1]
        fields = event._fields[1:] if names[0] == "id" else event._fields  # type: ignore[attr-defined]
        assert (first, names[-1]) == (list(fields), "seq")


class TestTheChain:
    COLUMNS = (5, 1_700_000_000_000_000, 17, 23, "CreateOrder", 1, "b-1", b"[17]", b"[[1]]")

    def hash_of(self, previous: bytes = GENESIS, **changes: object) -> bytes:
        names = ("seq", "at_us", "principal", "account", "kind", "rules", "key", "command", "events")
        columns = dict(zip(names, self.COLUMNS)) | changes
        return hash_entry(previous, **columns)  # type: ignore[arg-type]

    def test_the_hash_of_an_entry_is_this(self) -> None:
        """The hash must never change: people may keep one outside the database to compare."""
        assert self.hash_of().hex() == "1df671578d0ea30055e86b31e388a6add363cd0fd75fa781d81fcf8aefe87302"

    @pytest.mark.parametrize(
        "change",
        [
            {"reason": "He asked."},
            {"seq": 6},
            {"at_us": 1},
            {"principal": 18},
            {"account": 24},
            {"kind": "CancelOrder"},
            {"rules": 2},
            {"key": "b-2"},
            {"command": b"[18]"},
            {"events": b"[[2]]"},
            {"previous": b"\1" * 32},
            {"principal": 23, "account": 17},
            {"kind": "CreateOrderb", "key": "-1"},
            {"key": "b-1[17]", "command": b""},
            {"command": b"[17][[1]]", "events": b""},
        ],
        ids=str,
    )
    def test_every_column_counts_and_none_runs_into_the_next(self, change: dict[str, object]) -> None:
        assert self.hash_of(**change) != self.hash_of()  # type: ignore[arg-type]
