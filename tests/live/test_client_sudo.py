"""The Python client in markets that hide ids or are restricted: an operator in sudo, a student, lost sockets."""

import asyncio
import itertools
from collections.abc import Callable
from functools import partial

import pytest
from exchange_client import BID, OFFER, Book, Exchange, Refused
from exchange_client import exchange_pb2 as pb

from tests.client.line import line_to
from tests.live.exchange import LiveExchange
from tests.live.test_client_live import HUNDRED, connect
from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def people(live: LiveExchange) -> LiveExchange:
    """An exchange where these people have signed in to the pages, so that their accounts are open."""
    for name in ("alice", "bob", "carol", "operator"):
        live.browser(name).get("/")
    return live


def whose(book: Book) -> list[int]:
    return [order.account_id for side in (book.bids, book.offers) for order in side]


async def soon(x: Exchange, met: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await x.until(met)


def follows(x: Exchange, market: int) -> bool:
    return market in x.state.markets


def has_traded(x: Exchange, market: int) -> bool:
    return len(x.market(market).tape) > 0


def shows(book: Book, accounts: list[int]) -> bool:
    return whose(book) == accounts


def is_followed(x: Exchange, stream: str) -> bool:
    return x.state.heard(stream) is not None


def restricted(x: Exchange, market: int) -> bool | None:
    """Whether the client knows the market as restricted; None if it does not know the market."""
    found = x.state.market(market)
    return found.restricted if found else None


async def new_market(operator: Exchange, *visible_to: int, hidden: bool = False) -> int:
    """Creates a market as an operator in sudo; returns its id."""
    name = f"Market {next(_numbers)}"
    created = await operator.create_market(
        name, *HUNDRED, category="Anything", visible_to=visible_to, hide_account_ids=hidden
    )
    return created.body.market.id


async def test_an_operator_in_sudo_sees_ids_that_a_student_does_not(people: LiveExchange) -> None:
    async with (
        line_to(people.port) as line,
        connect(people, "operator", line=line, all_markets=True) as operator,
        connect(people, "alice", all_markets=True) as alice,
        connect(people, "bob", all_markets=True) as bob,
    ):
        await operator.set_sudo(on=True)
        market = await new_market(operator, hidden=True)
        for x in (operator, alice, bob):
            await soon(x, partial(follows, x, market))
        books = [x.book(market) for x in (operator, alice, bob)]
        resting = await alice.place(market, BID, "40", "2")
        taken = await bob.place(market, OFFER, "40", "1")
        assert [(trade.buyer_id, trade.seller_id) for trade in taken.body.trades] == [(0, bob.account_id)]
        for x in (operator, alice, bob):
            await soon(x, partial(has_traded, x, market))
        assert [whose(book) for book in books] == [[alice.account_id], [0], [0]]
        assert [(trade.buyer_id, trade.seller_id) for trade in bob.market(market).tape] == [(0, 0)]
        await alice.until_heard(resting)
        assert [order.id for order in alice.portfolio().orders_in(market)] == [resting.body.order.id]

        await operator.set_sudo(on=False)
        assert (operator.book(market) is books[0], whose(books[0])) == (True, [0])
        await operator.set_sudo(on=True)
        assert (operator.book(market) is books[0], whose(books[0])) == (True, [alice.account_id])

        line.cut()
        await soon(operator, lambda: not operator.connected)
        await alice.place(market, BID, "39", "1")
        await operator.until_connected()
        assert operator.state.sudo
        await soon(operator, lambda: whose(books[0]) == [alice.account_id] * 2)
        assert operator.book(market) is books[0]


async def test_books_stay_right_when_a_connected_market_hides_or_shows_ids(people: LiveExchange) -> None:
    async with connect(people, "operator") as operator, connect(people, "alice") as alice:
        await operator.set_sudo(on=True)
        market = await new_market(operator)
        await operator.subscribe(market)
        await alice.subscribe(market)
        books = [operator.book(market), alice.book(market)]
        await alice.place(market, BID, "40", "2")
        for book in books:
            await soon(operator, lambda: len(books[0]) == 1)
            await soon(alice, lambda: len(books[1]) == 1)
            assert whose(book) == [alice.account_id]
        for hidden in (True, False, True):
            await operator.edit_market(market, hide_account_ids=hidden)
            mine = [0] if hidden else [alice.account_id]
            await soon(alice, partial(shows, books[1], mine))
            form = f"market.{market}.unmasked" if hidden else f"market.{market}"
            await soon(operator, partial(is_followed, operator, form))
            assert operator.state.follows(form)
            assert (operator.book(market) is books[0], alice.book(market) is books[1]) == (True, True)
            assert whose(books[0]) == [alice.account_id]
        placed = await alice.place(market, BID, "39", "1")
        await soon(operator, lambda: placed.body.order.id in books[0])
        await soon(alice, lambda: placed.body.order.id in books[1])


async def test_a_visibility_list_changes_while_connected_and_while_away(people: LiveExchange) -> None:
    async with (
        line_to(people.port) as line,
        connect(people, "operator") as operator,
        connect(people, "alice", summaries=True) as alice,
        connect(people, "bob", line=line, all_markets=True, summaries=True) as bob,
    ):
        await operator.set_sudo(on=True)
        market = await new_market(operator, alice.account_id)
        await alice.subscribe(market)
        book = alice.book(market)
        await soon(alice, lambda: market in alice.summaries)
        assert restricted(bob, market) is None
        with pytest.raises(Refused) as refused:
            await bob.subscribe(market)
        assert refused.value.code == pb.MARKET_NOT_FOUND

        await operator.edit_market(market, visible_to=[bob.account_id])  # Alice has never traded there
        await soon(bob, lambda: market in bob.state.markets and market in bob.summaries)
        await soon(alice, lambda: market not in alice.state.markets and market not in alice.summaries)
        await soon(alice, lambda: restricted(alice, market) is None)
        assert restricted(bob, market)

        line.cut()
        await soon(bob, lambda: not bob.connected)
        await operator.edit_market(market, visible_to=[alice.account_id])
        await bob.until_connected()
        await soon(bob, lambda: market not in bob.state.markets and market not in bob.summaries)
        await soon(bob, lambda: restricted(bob, market) is None)

        await operator.edit_market(market, visible_to=())
        await soon(bob, lambda: market in bob.state.markets)
        assert restricted(bob, market) is False
        await soon(alice, lambda: restricted(alice, market) is False)
        assert market not in alice.state.markets  # subscribed by id, and lost
        await alice.subscribe(market)
        assert alice.book(market) is book


async def test_an_operator_keeps_acting_as_somebody_else_after_a_lost_socket(people: LiveExchange) -> None:
    async with line_to(people.port) as line, connect(people, "operator", line=line) as operator:
        async with connect(people, "alice") as alice:
            guest = alice.account_id
        own = operator.account_id
        with pytest.raises(Refused):
            await operator.act_as(guest)
        await operator.set_sudo(on=True)
        secret = await new_market(operator, guest)
        await operator.subscribe(secret)
        book = operator.book(secret)
        await operator.act_as(guest)
        placed = await operator.place(secret, BID, "40", "1")
        await operator.until_heard(placed)
        line.cut()
        await soon(operator, lambda: not operator.connected)
        await operator.until_connected()
        assert (operator.account_id, operator.state.sudo) == (guest, True)
        assert operator.book(secret) is book
        assert [order.id for order in operator.portfolio().orders_in(secret)] == [placed.body.order.id]
        assert whose(book) == [guest]
        cancelled = await operator.out(secret)
        await operator.until_heard(cancelled)
        assert operator.portfolio().orders_in(secret) == []
        await operator.set_sudo(on=False)
        assert (operator.account_id, operator.state.sudo) == (own, False)
        assert guest not in operator.state.portfolios
        with pytest.raises(KeyError):
            operator.book(secret)


async def test_a_summary_follows_the_market(people: LiveExchange) -> None:
    async with connect(people, "alice", summaries=True) as alice, connect(people, "bob") as bob:
        market = (await alice.create_market("In one line", *HUNDRED)).body.market.id
        await soon(alice, lambda: market in alice.summaries)
        await bob.place(market, BID, "40", "2")
        await soon(alice, lambda: alice.summaries[market].bid == 4000)
        await alice.place(market, OFFER, "40", "0.5")
        await soon(alice, lambda: alice.summaries[market].last_price == 4000)
        line = alice.summaries[market]
        assert (line.bid, line.bid_size, line.HasField("offer"), line.volume) == (4000, 150, False, 50)
        assert market not in alice.state.markets
        await alice.unsubscribe(summaries=True)
        assert alice.summaries == {}
