"""Checks the rules of money on the tables alone, without the engine (rules, sections 1, 2, 6 and 7; architecture.md).

Sums are made in Python, whose integers have no upper bound.
Units: price 1/100 chip, size 1/100, cash and value 1/10,000 chip.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from markets.engine.commands import Side
from markets.engine.events import AccountKind, PaidOut, Traded, Transferred
from markets.journal.tables import PAYOUTS, TRADES, TRANSFERS, Row, Table, fetch


class Difference(Exception):
    """The first thing that does not agree, as a sentence without its full stop."""


def require(holds: bool, difference: str) -> None:
    """Raises Difference with this text unless it holds."""
    if not holds:
        raise Difference(difference)


class Ledger:
    """The cash and positions that follow from transfers, trades and payouts."""

    def __init__(self) -> None:
        self.cash: Counter[int] = Counter()  # by account id
        self.positions: Counter[tuple[int, int]] = Counter()  # by (account id, market id)

    def add(self, table: Table, added: Iterable[Row]) -> None:
        """Adds rows of TRANSFERS, TRADES or PAYOUTS: the fields of the event, then the seq."""
        for *fields, _ in added:
            if table is TRANSFERS:
                self._add_transfer(Transferred(*fields))
            elif table is TRADES:
                self._add_trade(Traded(*fields))
            elif table is PAYOUTS:
                self._add_payout(PaidOut(*fields))

    def _add_transfer(self, transfer: Transferred) -> None:
        self.cash[transfer.from_account] -= transfer.amount
        self.cash[transfer.to_account] += transfer.amount

    def _add_trade(self, trade: Traded) -> None:
        value = trade.price * trade.size
        self.cash[trade.buyer] -= value
        self.cash[trade.seller] += value
        self.positions[trade.buyer, trade.market] += trade.size
        self.positions[trade.seller, trade.market] -= trade.size

    def _add_payout(self, payout: PaidOut) -> None:
        right = payout.amount == payout.position * payout.price
        require(right, f"the payout of {payout.amount} to account {payout.account} is not its position times the price")
        self.cash[payout.account] += payout.amount
        self.positions[payout.account, payout.market] -= payout.position


class Stake(NamedTuple):
    """A row of the table of exposures."""

    account: int
    market: int
    position: int
    bid_size: int
    bid_value: int
    offer_size: int
    offer_value: int
    worst_case: int


def check(connection: BaseDatabaseWrapper, ledger: Ledger) -> Iterator[str]:
    """Checks all rules and yields a line for each that holds. Raises Difference at the first that does not.

    `ledger` has the rows of the whole history; the check uses it up.
    """
    stakes = [
        Stake(*row)
        for row in fetch(
            connection,
            "SELECT account_id, market_id, position, bid_size, bid_value, offer_size, offer_value, worst_case"
            " FROM markets_exposure ORDER BY account_id, market_id",
        )
    ]
    yield _check_positions(stakes, ledger)
    yield _check_orders(connection, stakes)
    yield _check_levels(connection)
    worst_case = _check_worst_case(connection, stakes)
    yield _check_money(connection, worst_case, ledger)
    yield _check_owners(connection)
    yield _check_auctions(connection)


def _check_positions(stakes: list[Stake], ledger: Ledger) -> str:
    """The positions of a market sum to zero, and each is what the account traded."""
    totals: Counter[int] = Counter()
    for stake in stakes:
        totals[stake.market] += stake.position
        due = ledger.positions.pop((stake.account, stake.market), 0)
        difference = f"account {stake.account} traded {due} in market {stake.market}, its position is {stake.position}"
        require(stake.position == due, difference)
    for market, total in totals.items():
        require(total == 0, f"the positions of market {market} sum to {total}")
    for (account, market), due in ledger.positions.items():
        require(due == 0, f"account {account} traded {due} in market {market} and has no exposure there")
    return f"positions: those of each of {len(totals):,} markets sum to zero and are what was traded"


def _check_orders(connection: BaseDatabaseWrapper, stakes: list[Stake]) -> str:
    """The sizes of every order add up, exposures are what rests, and no book is crossed."""
    wrong = fetch(
        connection,
        "SELECT id FROM markets_order WHERE filled + open + cancelled <> size OR filled < 0 OR open < 0"
        " OR cancelled < 0 ORDER BY id LIMIT 1",
    )
    require(not wrong, f"order {wrong and wrong[0][0]}: filled + open + cancelled is not its size")
    resting: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    prices: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for account, market, side, price, size in fetch(
        connection, "SELECT account_id, market_id, side, price, open FROM markets_order WHERE open > 0"
    ):
        sums, first = resting[account, market], 0 if side == Side.BID else 2
        sums[first] += size
        sums[first + 1] += price * size
        prices[market][0 if side == Side.BID else 1].append(price)
    for stake in stakes:
        counted = list(stake[3:7])
        sums = resting.pop((stake.account, stake.market), [0, 0, 0, 0])
        difference = f"account {stake.account} rests {sums} in market {stake.market}, its exposure says {counted}"
        require(sums == counted, difference)
    require(not resting, f"orders rest without an exposure of (account, market) {next(iter(resting), None)}")
    for market, (bids, offers) in prices.items():
        crossed = bool(bids and offers) and max(bids) >= min(offers)
        require(not crossed, f"the book of market {market} is crossed")
    return "orders: sizes add up, exposures are what rests, no book is crossed"


def _check_levels(connection: BaseDatabaseWrapper) -> str:
    """A price level is what rests at its price, and there is one wherever an order rests."""
    resting: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0])
    for *key, size in fetch(connection, "SELECT market_id, side, price, open FROM markets_order WHERE open > 0"):
        sums = resting[key[0], key[1], key[2]]
        sums[0] += size
        sums[1] += 1
    levels = fetch(connection, "SELECT market_id, side, price, size, orders FROM markets_pricelevel")
    for market, side, price, *counted in levels:
        sums = resting.pop((market, side, price), [0, 0])
        where = f"at {price} on side {side} of market {market}"
        require(sums == counted, f"{sums} (size, orders) rest {where}, its level says {counted}")
    require(not resting, f"orders rest without a level of (market, side, price) {next(iter(resting), None)}")
    return f"levels: {len(levels):,} are what rests at their prices"


def _check_worst_case(connection: BaseDatabaseWrapper, stakes: list[Stake]) -> Counter[int]:
    """Each worst case follows from its exposure. Returns their sums by account."""
    bounds = {
        id: (low, high)
        for id, low, high in fetch(connection, "SELECT id, min_settlement, max_settlement FROM markets_market")
    }
    total: Counter[int] = Counter()
    for stake in stakes:
        low, high = bounds[stake.market]
        worst_case = min(
            low * (stake.position + stake.bid_size) - stake.bid_value,
            high * (stake.position - stake.offer_size) + stake.offer_value,
        )
        difference = (
            f"the worst case of account {stake.account} in market {stake.market} is {worst_case}, "
            f"its exposure says {stake.worst_case}"
        )
        require(worst_case == stake.worst_case, difference)
        total[stake.account] += worst_case
    return total


def _check_money(connection: BaseDatabaseWrapper, worst_case: Counter[int], ledger: Ledger) -> str:
    """Cash is what was transferred, traded and paid out, sums to zero, and covers every worst case but the house's."""
    accounts = fetch(connection, "SELECT id, kind, cash, available FROM accounts_account ORDER BY id")
    for id, kind, cash, available in accounts:
        due = ledger.cash.pop(id, 0)
        require(cash == due, f"account {id} has {cash}, its transfers, trades and payouts come to {due}")
        left = cash + worst_case[id]
        require(available == left, f"account {id} has {left} available, the table says {available}")
        require(available >= 0 or kind == AccountKind.HOUSE, f"account {id} could lose {-available} more than it has")
    require(not any(ledger.cash.values()), f"money went to accounts that do not exist: {dict(ledger.cash)}")
    total = sum(cash for _, _, cash, _ in accounts)
    require(total == 0, f"all cash sums to {total}")
    return f"money: the cash of {len(accounts):,} accounts sums to zero, and nobody can lose more than they have"


def _check_owners(connection: BaseDatabaseWrapper) -> str:
    """Every alt has owners, nobody else has, owners form no circle, and no credit is below zero.

    The sums of credits are not checked: they equal an account's worth only after rebalancing (rules, section 2).
    """
    kinds = dict(fetch(connection, "SELECT id, kind FROM accounts_account ORDER BY id"))
    owners: dict[int, list[int]] = defaultdict(list)
    for owner, account, credit in fetch(connection, "SELECT owner_id, account_id, credit FROM accounts_ownership"):
        able = kinds.get(owner) in (AccountKind.USER, AccountKind.ALT)
        require(able, f"account {account} is owned by {owner}, which is neither a user account nor an alt")
        require(credit >= 0, f"the credit of account {owner} in account {account} is {credit}")
        owners[account].append(owner)
    for account in owners:
        require(kinds.get(account) == AccountKind.ALT, f"account {account} is no alt and has owners")
    for id, kind in kinds.items():
        require(kind != AccountKind.ALT or id in owners, f"account {id} is an alt without an owner")
    try:
        TopologicalSorter(owners).prepare()
    except CycleError as circle:
        raise Difference(f"these accounts own each other: {circle.args[1]}") from None
    return f"owners: each of {len(owners):,} alts has some, in no circle, and no credit is below zero"


def _check_auctions(connection: BaseDatabaseWrapper) -> str:
    """Every sale was paid for once, by the buyer to the seller, and nothing else was paid for an auction."""
    paid: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for auction, payer, payee, amount in fetch(
        connection, "SELECT auction, from_account_id, to_account_id, amount FROM accounts_transfer WHERE auction <> 0"
    ):
        paid[auction].append((payer, payee, amount))
    auctions = fetch(connection, "SELECT id, seller_id, buyer_id, settle_price FROM auctions_auction ORDER BY id")
    for id, seller, buyer, price in auctions:
        due = [(buyer, seller, price)] if price else []
        found = paid.pop(id, [])
        require(found == due, f"auction {id} was paid for by (buyer, seller, amount) {found}, due was {due}")
    require(not paid, f"something was paid for an auction that does not exist: {dict(paid)}")
    return f"auctions: each of {len(auctions):,} was paid for once if it is sold, and not at all if it is not"
