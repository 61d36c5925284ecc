"""A start loads exactly the state that the last engine had, in the same order."""

from django.db import connection

from markets.engine.book import TAPE_LENGTH
from markets.engine.engine import Engine
from markets.engine.ledger import KEYS_KEPT, TRANSFERS_KEPT
from markets.journal.loading import NEWEST_KEYS
from markets.journal.tables import fetch
from markets.models import PriceLevel
from tests.kinds import find_rare, list_kinds
from tests.markets.keeping import apply_all, commit_history, load_engine, random_history
from tests.scenario import Scenario


def test_an_empty_exchange(sqlite: str) -> None:
    assert load_engine().digest() == Engine().digest()


def test_it_answers_as_the_engine_that_went_on(database: str) -> None:
    """All later commands lead to the same events in the same order."""
    history = random_history(seed=61, length=900)
    assert find_rare(list_kinds(history[:600])) == []
    went_on = commit_history(history[:600], batch=50)
    started = load_engine()
    assert started.digest() == went_on.digest()
    assert apply_all(started, history[600:]) == apply_all(went_on, history[600:])
    assert started.digest() == went_on.digest()


def test_the_order_in_which_accounts_came_to_a_market(database: str) -> None:
    """It is the order of payouts and, seen from the account, that of cancels by Out. It is not the order of ids."""
    day = Scenario(compare=False)
    day.people("alice", "bob", "carol", cash=1_000)
    for name in ("A", "B", "C"):
        day.market(name, 0, 100)
    for who, market in (("carol", "B"), ("alice", "B"), ("bob", "B"), ("bob", "A"), ("carol", "C"), ("carol", "A")):
        day.buy(who, market, 10)
    day.sell("alice", "B", 10, size=1)
    commit_history(day.history, batch=4)
    started = load_engine()
    for mine in (day.market_ids[name] for name in ("A", "B", "C")):
        assert list(started.markets[mine].holders) == list(day.engine.markets[mine].holders)
    for account in day.ids.values():
        assert list(started.accounts[account].exposures) == list(day.engine.accounts[account].exposures)


def test_time_priority(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", "carol", cash=1_000)
    day.market("GOLD", 0, 100)
    for who in ("carol", "alice", "bob", "alice"):
        day.sell(who, "GOLD", 50, size=2)
    day.buy("bob", "GOLD", 50, size=1)
    commit_history(day.history)
    offers = [(order.id, order.account, order.open) for order in load_engine().markets[1].offers]
    carol, alice, bob = day.ids["carol"], day.ids["alice"], day.ids["bob"]
    assert offers == [(1, carol, 100), (2, alice, 200), (3, bob, 200), (4, alice, 200)]


def test_the_latest_of_what_grows_without_end(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=100_000)
    day.market("GOLD", 0, 100)
    day.buy("alice", "GOLD", 1, key="old but open")
    for number in range(KEYS_KEPT + 10):
        day.buy("alice", "GOLD", 50, size="0.01", key=f"alice-{number}")
        if number <= TAPE_LENGTH + 10:
            day.sell("bob", "GOLD", 50, size="0.01", key=f"bob-{number}")
        else:
            day.cancel("alice", day.last_order)
        if number <= TRANSFERS_KEPT + 10:
            day.pay("bob", "alice", 1, note=str(number))
    commit_history(day.history, batch=500)
    started = load_engine()
    assert started.digest() == day.engine.digest()
    alice = started.accounts[day.ids["alice"]]
    assert len(alice.keys) == KEYS_KEPT
    assert (alice.id, "old but open") not in alice.keys
    assert "old but open" in alice.open_by_key
    assert len(started.markets[1].tape) == TAPE_LENGTH
    assert [transfer.note for transfer in alice.transfers][-1] == str(TRANSFERS_KEPT + 10)
    assert len(alice.transfers) == TRANSFERS_KEPT


def test_the_keys_that_alts_share(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", "bob", cash=100_000)
    day.alt("alice", "desk")
    day.alt("alice", "lab")
    day.pay("alice", "desk", 1_000, key="own")
    for number in range(KEYS_KEPT // 2 + 10):
        day.pay("desk", "alice", "0.01", key=f"desk {number}")
        day.pay("alice", "lab", "0.01", key=f"to lab {number}")
        day.pay("lab", "alice", "0.01", key=f"lab {number}")
    commit_history(day.history, batch=500)
    started = load_engine()
    assert started.digest() == day.engine.digest()
    desk, lab, alice = (started.accounts[day.ids[name]] for name in ("desk", "lab", "alice"))
    assert desk.keys is lab.keys
    assert len(desk.keys) == KEYS_KEPT
    assert [desk.seq_of(f"desk {number}") is None for number in (9, 10)] == [True, False]
    assert alice.seq_of("own") is not None, "alts do not displace the keys of their maker's own account"


def test_a_person_who_settled_a_market_may_make_another(sqlite: str) -> None:
    day = Scenario(compare=False)
    day.people("alice", cash=10)
    day.market("GOLD", 0, 100, owner="alice")
    day.settle("GOLD", 5, who="alice")
    commit_history(day.history)
    assert load_engine().digest() == day.engine.digest()


def test_keys_are_found_through_their_index(sqlite: str) -> None:
    """Without the index every account would read the whole journal, and a start would take minutes."""
    plan = fetch(connection, f"EXPLAIN QUERY PLAN {NEWEST_KEYS}", 1, 2)
    assert "USING INDEX journal_keys" in str(plan)


def test_price_levels_that_an_older_program_left_behind_are_written_anew(database: str) -> None:
    engine = commit_history(random_history(seed=61, length=300), batch=50)
    levels = PriceLevel.objects.order_by("market_id", "side", "price")
    right = list(levels.values_list("market_id", "side", "price", "size", "orders"))
    assert len(right) > 3
    market, side, price, *_ = right[0]
    levels.filter(market_id=market, side=side, price=price).update(size=7)
    levels.filter(market_id=right[1][0], side=right[1][1], price=right[1][2]).delete()
    PriceLevel.objects.create(market_id=market, side=side, price=-1, size=1, orders=1)
    assert load_engine().digest() == engine.digest()
    assert list(levels.values_list("market_id", "side", "price", "size", "orders")) == right
