"""Which names are valid, and when two names are the same (rules, section 1)."""

from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path

import pytest
from django.db.models import Model

from accounts.models import Account as AccountRow
from markets.engine import unicode_tables
from markets.engine.commands import CreateAccount, CreateMarket
from markets.engine.errors import Reason, Rejected
from markets.engine.state import RULES_VERSION
from markets.engine.text import name_key
from markets.models import Market as MarketRow
from tests.scenario import Scenario
from tests.unicode_tables import render

FULL_WIDTH_ALICE = "\uff21\uff4c\uff49\uff43\uff45"
LONGEST_FOLDED = "\ufdfa"  # one character that NFKC turns into eighteen


@pytest.mark.parametrize(
    ("requested", "name"),
    [
        ("Night desk", "Night desk"),
        ("  Night   desk ", "Night desk"),
        ("x", "x"),
        ("x" * 40, "x" * 40),
        ("  " + "x" * 40 + "  ", "x" * 40),
        ("Zoë & Søn – 株式会社 🦉", "Zoë & Søn – 株式会社 🦉"),
    ],
)
def test_example_1_2_names_are_trimmed_and_single_spaced(day: Scenario, requested: str, name: str) -> None:
    assert day.alt("alice", requested) == [f"account {name} under alice"]


@pytest.mark.parametrize("name", ["", " ", "   ", "x" * 41, "x " * 21])
def test_a_name_has_1_to_40_characters(day: Scenario, name: str) -> None:
    with day.refuses(Reason.INVALID_NAME):
        day.alt("alice", name)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x80", "\x9f"])
def test_control_characters_are_refused(day: Scenario, character: str) -> None:
    with day.refuses(Reason.INVALID_NAME):
        day.alt("alice", f"Night{character}desk")


@pytest.mark.parametrize(
    "character",
    ["\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff", "\u00ad", "\u180e", "\U000e0041"],
)
def test_zero_width_and_direction_characters_are_refused(day: Scenario, character: str) -> None:
    with day.refuses(Reason.INVALID_NAME):
        day.alt("alice", f"Night{character}desk")


@pytest.mark.parametrize("character", ["\u034f", "\ufe0f", "\u180b", "\u17b4", "\u3164", "\U000e0100"])
def test_marks_that_nobody_sees_make_no_new_name(day: Scenario, character: str) -> None:
    """Otherwise somebody else could look like "alice" to every reader of the tape."""
    with day.refuses(Reason.NAME_TAKEN):
        day.alt("bob", f"ali{character}ce")
    assert day.alt("bob", f"bob's heart{character}") == [f"account bob's heart{character} under bob"]


@pytest.mark.parametrize("name", ["\u3164", "\u115f\u1160", "\ufe0f"])
def test_a_name_can_be_seen(day: Scenario, name: str) -> None:
    with pytest.raises(Rejected) as refused:
        day.engine.apply(CreateAccount(*day.head("bob", "", ""), name, 0), day.at_us)
    assert refused.value.reason == Reason.INVALID_NAME


@pytest.mark.parametrize("character", ["\ud800", "\ue000", "\uffff", "\u0378"])
def test_what_is_no_character_is_refused(day: Scenario, character: str) -> None:
    with day.refuses(Reason.INVALID_NAME):
        day.alt("alice", f"Night{character}")


@pytest.mark.parametrize("same", ["alice", "ALICE", "Alice", " alice ", FULL_WIDTH_ALICE])
def test_the_same_name_is_taken(day: Scenario, same: str) -> None:
    with day.refuses(Reason.NAME_TAKEN):
        day.alt("bob", same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁsh", "FISH"),
        ("Zoe\u0308", "Zoë"),
        ("Ωμέγα", "ωμέγα"),
        ("desk²", "DESK2"),
        ("\u1e9e", "ss"),
    ],
)
def test_names_that_fold_alike_are_the_same(day: Scenario, one: str, other: str) -> None:
    day.alt("alice", one)
    with day.refuses(Reason.NAME_TAKEN):
        day.alt("bob", other)


CYRILLIC_A, CYRILLIC_ACE = "\u0430", "\u0430\u0441\u0435"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ace", CYRILLIC_ACE),
        ("ace", CYRILLIC_ACE.upper()),
        ("Alice Ltd", "AIice Ltd"),  # a capital i
        ("alice ltd", "AIice Ltd"),
        ("ALICE LTD", "ALlCE LTD"),  # a small L
        ("Desk 10", "Desk lO"),
        ("Barn", "Bam"),  # r and n make an m
        ("Bob\u2019s", "Bob's"),
        ("Pair \u01c9", "Pair lj"),
    ],
)
def test_example_1_5_names_that_look_alike_are_the_same(day: Scenario, one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        day = Scenario()
        day.people("bob", "carol")
        day.alt("carol", first)
        day.market(first, 0, 100)
        with day.refuses(Reason.NAME_TAKEN):
            day.alt("bob", second)
        with day.refuses(Reason.NAME_TAKEN):
            day.market(second, 0, 100)


@pytest.mark.parametrize(("one", "other"), [("Nell", "Neil"), ("Zoe", "Zoë"), ("Desk 1", "Desk 2"), ("ace", "аче")])
def test_names_that_look_different_differ(day: Scenario, one: str, other: str) -> None:
    day.alt("alice", one)
    assert day.alt("bob", other) == [f"account {other} under bob"]


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        (f"{CYRILLIC_A}lice", "Cyrillic and Latin"),
        ("\u0394 hedge", "Greek and Latin"),
        ("\ud55c\u3042", "Hangul and Hiragana"),
    ],
)
def test_example_1_6_a_name_mixes_no_scripts(day: Scenario, name: str, scripts: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: day.alt("bob", name),
        lambda: day.market(name, 0, 100),
        lambda: day.market("LEAD", 0, 100, category=name),
        lambda: day.auction("bob", name),
    ]
    for ask in asked:
        with pytest.raises(Rejected, match=f"letters of {scripts}") as refused:
            ask()
        assert refused.value.reason == Reason.INVALID_NAME


@pytest.mark.parametrize(
    "name", ["東京 desk", "さくら サクラ A", "한국 漢 B", "\u2206 hedge", "10 \u00b5m", "\u0421\u0442\u043e\u043b 1"]
)
def test_scripts_that_are_written_together(day: Scenario, name: str) -> None:
    assert day.alt("bob", name) == [f"account {name} under bob"]


def test_who_signs_in_with_a_name_like_anothers_gets_a_number(day: Scenario) -> None:
    day.people("ace", CYRILLIC_ACE, "A\u0441e", "\u0410lice")
    names = [account.name for account in day.engine.accounts.values()][-4:]
    assert names == ["ace", f"{CYRILLIC_ACE} 2", "Ae", "\u0410"], "letters of other scripts are left out"


def test_a_market_frees_the_look_of_its_old_name(day: Scenario) -> None:
    day.market("ace", 0, 100)
    day.edit("ace", name=CYRILLIC_ACE)
    day.edit("ace", name="deuce")
    assert day.market(CYRILLIC_ACE, 0, 100) == [f"market {CYRILLIC_ACE}, 0 to 100, of operator"]


def test_before_version_5_names_looked_alike_and_both_stand() -> None:
    """A replay of entries from then accepts what was accepted; neither look is free, whichever market is renamed."""
    day = Scenario(compare=False)
    day.people("bob")
    day.engine.rules = 4
    for name in ("ace", CYRILLIC_ACE, f"{CYRILLIC_A}lice"):
        ask(day, CreateAccount(*day.head("bob", "", ""), name, 0))
        day.market(name, 0, 100)
    day.engine.rules = RULES_VERSION
    day.edit("ace", name="deuce")
    with day.refuses(Reason.NAME_TAKEN):
        day.market("ACE", 0, 100)
    with day.refuses(Reason.NAME_TAKEN):
        day.alt("bob", f"{CYRILLIC_ACE.upper()}")
    assert [account.name for account in day.engine.accounts.values()][-3:] == ["ace", CYRILLIC_ACE, f"{CYRILLIC_A}lice"]


def test_the_tables_are_those_of_the_pinned_library() -> None:
    """Another table decides otherwise: it takes a new version of the rules."""
    assert Path(unicode_tables.__file__).read_text("utf-8") == render()


def test_the_houses_name_is_taken_too(day: Scenario) -> None:
    with day.refuses(Reason.NAME_TAKEN):
        day.alt("alice", "house")


def test_example_1_1_who_signs_in_with_a_taken_name_gets_a_number(day: Scenario) -> None:
    day.people("ALICE", "Alice")
    assert [day.engine.accounts[day.ids[who]].name for who in ("ALICE", "Alice")] == ["ALICE 2", "Alice 3"]


def test_a_number_that_is_taken_is_passed_over(day: Scenario) -> None:
    day.alt("bob", "alice 2")
    day.people("Alice")
    assert day.engine.accounts[day.ids["Alice"]].name == "Alice 3"


def test_a_numbered_name_still_has_at_most_40_characters(day: Scenario) -> None:
    long = "x" * 40
    day.alt("alice", long)
    day.people(long)
    assert day.engine.accounts[day.ids[long]].name == "x" * 38 + " 2"


@pytest.mark.parametrize(
    ("requested", "name"),
    [("", "Trader"), ("\x00\u200b", "Trader"), ("Zoe\nsmith", "Zoe smith"), ("z" * 60, "z" * 40), (" zoe ", "zoe")],
)
def test_whoever_signs_in_gets_a_name(day: Scenario, requested: str, name: str) -> None:
    day.people(requested)
    assert day.engine.accounts[day.ids[requested]].name == name


def test_market_names_have_1_to_80_characters(day: Scenario) -> None:
    for name in ("", "  ", "x" * 81, "bell\x07"):
        with day.refuses(Reason.INVALID_NAME):
            day.market(name, 0, 100)
    assert day.market("x" * 80, 0, 100) == [f"market {'x' * 80}, 0 to 100, of operator"]


def test_market_names_are_unique_among_markets(day: Scenario) -> None:
    for name in ("gold", " GOLD", "\uff27OLD"):
        with day.refuses(Reason.NAME_TAKEN):
            day.market(name, 0, 100)
    day.market("alice", 0, 100)  # an account's name is free for a market


HIDDEN_SPACES = ["\ufe0f alice", "alice \ufe0f", "al \u3164 ice", "alice\u2800", "\u2800"]


@pytest.mark.parametrize("name", HIDDEN_SPACES)
def test_a_name_hides_no_spaces(day: Scenario, name: str) -> None:
    """A reader would take it for somebody else's name."""
    with day.refuses(Reason.INVALID_NAME):
        day.alt("bob", name)
    with day.refuses(Reason.INVALID_NAME):
        day.market(name, 0, 100)


@pytest.mark.parametrize("name", ["❤\ufe0f bob", "bob ❤\ufe0f", "rock \u00b4n roll", "\u00b4bob"])
def test_marks_that_hide_nothing_are_welcome(day: Scenario, name: str) -> None:
    assert day.alt("bob", name) == [f"account {name} under bob"]


def test_who_signs_in_gets_a_name_without_hidden_spaces() -> None:
    day = Scenario(compare=False)
    day.people("alice", "\ufe0f alice", "\u2800bob\u2800", "\u2800")
    assert [account.name for account in day.engine.accounts.values()][2:] == ["alice", "alice 2", "bob", "Trader"]


def test_before_version_2_names_hid_spaces() -> None:
    """A replay of entries from then accepts what was accepted."""
    assert RULES_VERSION >= 2
    day = Scenario(compare=False)
    day.people("alice", "bob")
    day.engine.rules = 1
    ask(day, CreateAccount(*day.head("bob", "", ""), "\ufe0f alice", 0))
    assert "\ufe0f alice" in {account.name for account in day.engine.accounts.values()}


def test_a_settled_market_keeps_its_name(day: Scenario) -> None:
    day.settle("GOLD", 50)
    with day.refuses(Reason.NAME_TAKEN):
        day.market("GOLD", 0, 100)


def test_every_accepted_names_key_fits_its_column() -> None:
    """A key may be longer than its name. PostgreSQL would refuse one that is too long, after the engine accepted it."""
    day = Scenario(compare=False)
    day.people("alice", LONGEST_FOLDED * 40)
    for length in range(1, 41):
        ask(day, CreateAccount(*day.head("alice", "", ""), LONGEST_FOLDED * length, 0))
    for length in range(1, 81):
        command = CreateMarket(*day.head("operator", "", ""), LONGEST_FOLDED * length, "", 0, 100, 1, 1)
        ask(day, command)
    assert max(map(len, day.engine.names)) <= column_length(AccountRow)
    assert max(map(len, day.engine.market_names)) <= column_length(MarketRow)


def column_length(model: type[Model]) -> float:
    """The number of characters that the model's column for name keys holds."""
    return getattr(model._meta.get_field("name_key"), "max_length", None) or inf


def ask(day: Scenario, command: CreateAccount | CreateMarket) -> None:
    """Gives the command, whether it is accepted or refused."""
    with suppress(Rejected):
        day.do(command)


def test_a_key_is_its_own_key() -> None:
    """casefold and NFKC can each undo the other; a key is stable under both."""
    for text in ("\u1e9e", "\u0345", "\u1fc3", FULL_WIDTH_ALICE, "Ǆ", "ﬀ", "İ", "\u00a8"):
        assert name_key(name_key(text)) == name_key(text)
