"""Compares the engine with the oracle.

ask_both() gives one command to both and compares the answers. differences() compares their states: everything, or what
`touched` names. Both sides of a comparison are plain tuples, so that a failure prints figures.
"""

from dataclasses import dataclass, field

from markets.engine.book import Order
from markets.engine.commands import Command, CreateOrder, Side
from markets.engine.engine import Engine
from markets.engine.errors import Reason, Rejected, Repeated
from markets.engine.events import Event
from markets.engine.state import Changed
from tests.naive_book import FLAT, NaiveOrder
from tests.naive_exchange import NaiveExchange
from tests.naive_shape import Refused

Answer = list[Event] | Rejected | Repeated


class Disagreement(AssertionError):
    """The engine does not do what the oracle expects."""


@dataclass
class Touched:
    """Ids of what to compare. Exposures are (account id, market id)."""

    accounts: set[int] = field(default_factory=set)
    markets: set[int] = field(default_factory=set)
    exposures: set[tuple[int, int]] = field(default_factory=set)
    auctions: set[int] = field(default_factory=set)

    @classmethod
    def everything(cls, oracle: NaiveExchange) -> "Touched":
        pairs = {(account, id) for id, market in oracle.markets.items() for account in market.accounts()}
        return cls(set(oracle.accounts), set(oracle.markets), pairs, set(oracle.auctions))

    @classmethod
    def by(cls, changed: Changed) -> "Touched":
        """What a batch touched, and the markets whose books its orders changed."""
        books = {order.market for order in changed.orders.values()}
        accounts = set(changed.accounts) | set(changed.owners)
        return cls(accounts, set(changed.markets) | books, set(changed.exposures), set(changed.auctions))


def ask_both(engine: Engine, oracle: NaiveExchange, command: Command, at_us: int) -> Answer:
    """Gives the command to both and returns the engine's answer. Raises Disagreement if the oracle's differs."""
    answer = ask_engine(engine, command, at_us)
    expected = ask_oracle(oracle, command, at_us)
    if isinstance(answer, Rejected) and isinstance(expected, Refused):
        same = answer.reason in expected.reasons and gives_nothing_away(command, answer)
    elif isinstance(answer, Repeated) and isinstance(expected, Repeated):
        same = answer.seq == expected.seq
    elif isinstance(answer, list) and isinstance(expected, list):
        same = comparable(command, answer) == comparable(command, expected)
    else:
        same = False
    if not same:
        raise Disagreement(
            f"\n  command  {command}\n  engine   {format_answer(answer)}\n  expected {format_answer(expected)}"
        )
    return answer


def gives_nothing_away(command: Command, refusal: Rejected) -> bool:
    """Whether a MARKET_NOT_FOUND for a hidden market reads like one for a market that does not exist."""
    named = getattr(command, "market", 0)
    return refusal.reason != Reason.MARKET_NOT_FOUND or refusal.message == f"There is no market {named}."


def format_answer(answer: Answer | Refused) -> str:
    if isinstance(answer, list):
        return "\n           ".join(map(str, answer)) or "no events"
    return f"{type(answer).__name__}: {answer}"


def ask_engine(engine: Engine, command: Command, at_us: int) -> Answer:
    try:
        return engine.apply(command, at_us)
    except (Rejected, Repeated) as refusal:
        return refusal


def ask_oracle(oracle: NaiveExchange, command: Command, at_us: int) -> list[Event] | Refused | Repeated:
    try:
        return oracle.apply(command, at_us)
    except (Refused, Repeated) as refusal:
        return refusal


def comparable(command: Command, events: list[Event]) -> list[tuple[str, Event]]:
    """The events with their names. They are sorted, unless the order of events is a rule, as it is for an order."""
    named = [(type(event).__name__, event) for event in events]
    return named if isinstance(command, CreateOrder) else sorted(named)


# --- States


def differences(engine: Engine, oracle: NaiveExchange, touched: Touched | None = None) -> list[str]:
    """What differs between the two states; empty if they agree. `touched` None compares everything."""
    touched = touched or Touched.everything(oracle)
    pairs: list[tuple[object, object]] = [(engine.seq, oracle.seq)]
    pairs += [(account_in(engine, id), account_expected(oracle, id)) for id in sorted(touched.accounts)]
    pairs += [(market_in(engine, id), market_expected(oracle, id)) for id in sorted(touched.markets)]
    pairs += [(book_in(engine, id), book_expected(oracle, id)) for id in sorted(touched.markets)]
    pairs += [(stake_in(engine, *pair), stake_expected(oracle, *pair)) for pair in sorted(touched.exposures)]
    pairs += [(auction_in(engine, id), auction_expected(oracle, id)) for id in sorted(touched.auctions)]
    return [f"engine {found}, expected {expected}" for found, expected in pairs if found != expected]


def account_in(engine: Engine, id: int) -> tuple[object, ...]:
    a = engine.accounts[id]
    who = (a.id, a.name, a.kind, a.user, a.creator, a.seq)
    open_keys = sorted((key, order.id) for key, order in a.open_by_key.items())
    return (*who, a.cash, a.worst_case, a.notional, a.available, sorted(a.owners.items()), sorted(a.owned), open_keys)


def account_expected(oracle: NaiveExchange, id: int) -> tuple[object, ...]:
    a = oracle.accounts[id]
    who = (a.id, a.name, a.kind, a.user, a.creator, a.seq)
    owned = sorted(other.id for other in oracle.accounts.values() if id in other.owners)
    open_keys = sorted((o.client_order_id, o.id) for o in oracle.open_orders(id) if o.client_order_id)
    cash, worst_case = oracle.cash(id), oracle.worst_case(id)
    return (*who, cash, worst_case, oracle.notional(id), cash + worst_case, sorted(a.owners.items()), owned, open_keys)


def market_in(engine: Engine, id: int) -> tuple[object, ...]:
    m = engine.markets[id]
    shape = (m.min_settlement, m.max_settlement, m.tick_size, m.smallest_size)
    identity = (m.id, m.name, m.description, m.owner, m.creator, m.seq, m.created_us)
    options = (m.category, m.pinned, list(m.visible_to), m.hide_account_ids)
    return (*identity, *shape, *options, m.status, m.settle_price, m.last_price, m.volume, list(m.tape))


def market_expected(oracle: NaiveExchange, id: int) -> tuple[object, ...]:
    m = oracle.markets[id]
    identity = (m.id, m.name, m.description, m.owner, m.creator, m.seq, m.at_us)
    last_price = m.trades[-1].price if m.trades else None
    shape = (m.low, m.high, m.tick_size, m.smallest_size)
    options = (m.category, m.pinned, m.listed, m.hides_ids)
    volume = sum(trade.size for trade in m.trades)
    return (*identity, *shape, *options, m.status, m.settle_price, last_price, volume, m.trades[-50:])


def book_in(engine: Engine, id: int) -> list[tuple[object, ...]]:
    market = engine.markets[id]
    return [order_figures(order) for order in (*market.bids, *market.offers)]


def book_expected(oracle: NaiveExchange, id: int) -> list[tuple[object, ...]]:
    market = oracle.markets[id]
    return [order_expected(order) for side in Side for order in market.queue(side)]


def order_figures(o: Order) -> tuple[object, ...]:
    amounts = (o.side, o.price, o.size, o.open, o.filled, o.cancelled)
    return (o.id, o.market, o.account, *amounts, o.time_in_force, o.post_only, o.client_order_id, o.created_us, o.seq)


def order_expected(o: NaiveOrder) -> tuple[object, ...]:
    amounts = (o.side, o.price, o.size, o.open, o.filled, o.cancelled)
    return (o.id, o.market, o.account, *amounts, o.time_in_force, o.post_only, o.client_order_id, o.at_us, o.seq)


def stake_in(engine: Engine, account: int, market: int) -> tuple[object, ...]:
    x = engine.accounts[account].exposures.get(market)
    if x is None:
        return (account, market, *FLAT, 0, 0, False, [])
    risk = (x.bid_size, x.bid_value, x.offer_size, x.offer_value, x.worst_case, x.notional)
    return (account, market, x.position, *risk, x.cost, x.realised, x.traded, list(x.orders))


def stake_expected(oracle: NaiveExchange, account: int, market: int) -> tuple[object, ...]:
    m = oracle.markets[market]
    orders = sorted(order.id for order in m.orders_of(account))
    *risk, _ = m.stake(account)
    profit = m.cost_and_realised(account)
    return (account, market, *risk, m.notional(account), *profit, account in m.fills, orders)


def auction_in(engine: Engine, id: int) -> tuple[object, ...]:
    a = engine.auctions[id]
    definition = (a.id, a.seller, a.name, a.description, a.picture, a.buy_now_price)
    return (*definition, a.creator, a.created_us, a.seq, a.status, a.buyer, a.settle_price)


def auction_expected(oracle: NaiveExchange, id: int) -> tuple[object, ...]:
    a = oracle.auctions[id]
    definition = (a.id, a.seller, a.name, a.description, a.picture, a.buy_now_price)
    buyer, settle_price = a.sold or (None, None)
    return (*definition, a.creator, a.at_us, a.seq, a.status, buyer, settle_price)
