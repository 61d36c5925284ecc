"""The Python client against a real exchange: real sockets, lost connections and restarts."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exchange_client import (
    BID,
    FOK,
    OFFER,
    Backoff,
    Book,
    ConnectionLost,
    Exchange,
    OutcomeUnknown,
    Portfolio,
    Refused,
    Reply,
    Request,
    requests,
)
from exchange_client import exchange_pb2 as pb
from exchange_client.backoff import ATTEMPTS
from exchange_client.state import State, Update

from tests.client.line import Line, line_to
from tests.live.exchange import LiveExchange
from tests.patience import STEP_SECONDS_MAX

HUNDRED = ("0", "100")  # bounds


def connect(live: LiveExchange, name: str, *, line: Line | None = None, **options: Any) -> Exchange:
    """A client of a person whose account is open. It reconnects quickly when the line is cut."""
    backoff = Backoff(first=0.05, most=0.2, restart=0.2, attempts=200)
    return Exchange.connect(line.url if line else live.ws_url, live.token(name), backoff=backoff, **options)


@pytest.fixture(scope="module")
def people(live: LiveExchange) -> LiveExchange:
    """An exchange where Alice, Bob and Carol have signed in to the pages, so that their accounts are open."""
    for name in ("alice", "bob", "carol"):
        live.browser(name).get("/")
    return live


def resting(book: Book) -> list[tuple[int, int, int, int, int]]:
    return [(o.id, o.account_id, o.price, o.open, o.filled) for side in (book.bids, book.offers) for o in side]


def figures(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "money": (portfolio.cash, portfolio.available),
        "orders": sorted((o.id, o.open, o.filled, o.client_order_id) for o in portfolio.orders.values()),
        "exposures": {market: e.SerializeToString(deterministic=True) for market, e in portfolio.exposures.items()},
        "transfers": [transfer.id for transfer in portfolio.transfers],
    }


async def test_an_order_goes_to_its_reply_the_stream_and_the_portfolio(people: LiveExchange) -> None:
    async with connect(people, "alice", all_markets=True) as alice, connect(people, "bob", all_markets=True) as bob:
        market = (await alice.create_market("Order to portfolio", *HUNDRED)).body.market.id
        await bob.subscribe(market)
        before = bob.portfolio().cash
        offered = await alice.place(market, OFFER, "48", "3", client_order_id="first")
        await alice.until_heard(offered)
        assert [order.client_order_id for order in alice.portfolio().orders_in(market)] == ["first"]
        taken = await bob.place(market, BID, "50", "2")
        assert [(trade.price, trade.size) for trade in taken.body.trades] == [(4800, 200)]
        assert taken.received_us <= taken.sequenced_us <= taken.committed_us
        await bob.until_heard(taken)
        assert bob.portfolio().position(market) == 200
        assert bob.portfolio().cash == before - 4800 * 200
        await alice.until(lambda: alice.portfolio().position(market) == -200)
        await bob.until(lambda: bob.book(market).best_offer == (4800, 100, 1))
        assert resting(bob.book(market))[0][1] == alice.account_id


async def test_refusals_have_their_codes_and_change_nothing(people: LiveExchange) -> None:
    async with connect(people, "alice", all_markets=True) as alice:
        market = (await alice.create_market("Refusals", *HUNDRED, tick_size="0.5")).body.market.id
        await alice.subscribe(market)
        before = figures(alice.portfolio())
        commands = [
            (requests.create_order(market, BID, "40.25", "1"), pb.INVALID_PRICE),
            (requests.create_order(market, BID, "40", "100000"), pb.INSUFFICIENT_FUNDS),
            (requests.create_order(market, BID, "40", "1", time_in_force=FOK), pb.FOK_NOT_FILLABLE),
            (requests.create_order(10**9, BID, "40", "1"), pb.MARKET_NOT_FOUND),
            (requests.cancel_order(10**9), pb.ORDER_NOT_FOUND),
            (requests.act_as(10**9), pb.ACCOUNT_NOT_FOUND),
            (requests.gift(alice.account_id, "1"), pb.NOT_ALLOWED),
        ]
        for request, code in commands:
            with pytest.raises(Refused) as refused:
                await alice.send(request)
            assert refused.value.code == code
        assert figures(alice.portfolio()) == before


async def test_to_cancel_what_has_finished_says_what_became_of_it(people: LiveExchange) -> None:
    async with connect(people, "alice") as alice, connect(people, "bob") as bob:
        market = (await alice.create_market("Finished", *HUNDRED)).body.market.id
        filled = (await alice.place(market, BID, "48", "2", client_order_id="finished")).body.order.id
        cancelled = (await alice.place(market, BID, "40", "5")).body.order.id
        await bob.place(market, OFFER, "40", "3")
        await alice.cancel(cancelled)
        for named, code, text in (
            ({"order_id": filled}, pb.ORDER_FILLED, "all 2, at 48 or better"),
            ({"client_order_id": "finished"}, pb.ORDER_FILLED, "all 2, at 48 or better"),
            ({"order_id": cancelled}, pb.ORDER_CANCELLED, "of 5, 1 were filled and 4 cancelled"),
        ):
            with pytest.raises(Refused) as refused:
                await alice.cancel(**named)
            assert refused.value.code == code
            assert text in refused.value.text
            with pytest.raises(Refused) as refused:
                await bob.cancel(**named)
            assert (refused.value.code, refused.value.text) == (pb.ORDER_NOT_FOUND, "You have no such open order.")


async def test_a_share_begins_and_ends_on_an_open_client(people: LiveExchange) -> None:
    async with connect(people, "alice") as alice, connect(people, "bob") as bob:
        team = (await alice.create_account("Team with a client")).body.account.id
        shared = await alice.share_account(team, bob.account_id)
        await bob.until(lambda: team in bob.state.portfolios)
        await bob.until(lambda: len(bob.state.portfolios[team].owners) == 2)
        await alice.until_heard(shared)
        assert [owner.credit for owner in alice.state.portfolios[team].owners] == [0, 0]
        await bob.act_as(team)
        own = bob.state.own_account_id
        await alice.send(requests.make_transfer(alice.account_id, team, "10"))
        await bob.until(lambda: bob.state.portfolios[team].cash == 100_000)
        async with connect(people, "bob") as other:
            await other.leave_account(team)
        await bob.until(lambda: bob.account_id == own)
        assert team not in bob.state.portfolios


async def test_a_wrong_token_ends_the_client_at_once(people: LiveExchange) -> None:
    with pytest.raises(Refused) as refused:
        async with Exchange.connect(people.ws_url, "not-a-token"):
            pass
    assert refused.value.code == pb.NOT_AUTHENTICATED


async def test_a_wrong_path_ends_the_client_at_once(people: LiveExchange) -> None:
    url = people.ws_url.removesuffix("/ws") + "/socket"
    with pytest.raises(ConnectionLost, match=r"The path of the socket is /ws\.$"):
        async with Exchange.connect(url, people.token("alice"), backoff=Backoff(attempts=None)):
            pass


async def test_a_client_comes_back_after_more_failures_than_it_first_makes(
    start_exchange: Callable[..., LiveExchange],
) -> None:
    """The time goes by in failures: each takes about a millisecond here, and up to 10 s by default."""
    exchange = start_exchange()
    exchange.browser("alice").get("/")
    failures: asyncio.Queue[float] = asyncio.Queue()

    def draw(low: float, high: float) -> float:
        failures.put_nowait(high)
        return low

    backoff = Backoff(first=0.001, most=0.001, restart=0.001, draw=draw)
    async with Exchange.connect(exchange.ws_url, exchange.token("alice"), all_markets=True, backoff=backoff) as alice:
        exchange.kill()
        for _ in range(10 * ATTEMPTS):
            await failures.get()
        with pytest.raises(ConnectionLost, match="not connected"):
            alice.send(requests.out())
        await asyncio.to_thread(exchange.start)
        await alice.until_connected()
        created = await alice.create_market("Back again", *HUNDRED)
        await alice.until_heard(created)
        assert created.body.market.id in alice.state.markets


async def test_an_alt_is_created_gets_money_and_trades(people: LiveExchange) -> None:
    async with connect(people, "carol", all_markets=True) as carol:
        alt = (await carol.create_account("Carol's desk")).body.account.id
        moved = await carol.make_transfer(carol.account_id, alt, "12.5", note="for the desk")
        await carol.until(lambda: alt in carol.state.portfolios and carol.portfolio(alt).cash == 125_000)
        await carol.act_as(alt)
        market = (await carol.create_market("Alt", *HUNDRED)).body.market.id
        placed = await carol.place(market, BID, "10", "1")
        await carol.until_heard(placed)
        assert carol.portfolio().available == 25_000
        assert [transfer.id for transfer in carol.portfolio().transfers] == [moved.body.transfer.id]
        assert [owner.owner_id for owner in carol.portfolio().owners] == [carol.state.own_account_id]


async def test_after_cut_lines_and_lost_frames_the_client_has_the_exchanges_book(people: LiveExchange) -> None:
    """One client trades while it loses frames and connections at random. A new one takes snapshots. Both agree."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    async with line_to(people.port) as line, connect(people, "alice", line=line, all_markets=True) as alice:
        markets = [(await alice.create_market(f"Day {number}", *HUNDRED)).body.market.id for number in range(3)]
        await alice.subscribe(*markets)
        _lose_frames(alice.state, rng)
        async with connect(people, "bob", all_markets=True) as bob:
            # The client that loses frames is cut now and then; until then it trades on an outdated state.
            await asyncio.gather(
                _trade(alice, markets, rng, 60), _trade(bob, markets, rng, 60), _cut(line, rng, times=12)
            )
            async with asyncio.timeout(STEP_SECONDS_MAX):
                while not alice.state.gaps:  # every lost frame may have been followed by a cut
                    await _trade(bob, markets, rng, 5)
        line.cut()
        del alice.state.feed  # from here on it loses no frame
        await alice.until(lambda: not alice.connected)
        await alice.until_connected()
        async with connect(people, "alice", all_markets=True) as fresh:
            last = await fresh.place(markets[0], BID, "0.01", "0.01")
            await asyncio.gather(_hears(alice, last), _hears(fresh, last))
            assert set(alice.state.markets) == set(fresh.state.markets)
            for market in fresh.state.markets:
                assert resting(alice.book(market)) == resting(fresh.book(market))
            assert figures(alice.portfolio()) == figures(fresh.portfolio())


async def _hears(x: Exchange, placed: Reply[pb.OrderCreated]) -> None:
    order = placed.body.order
    async with asyncio.timeout(STEP_SECONDS_MAX):
        await x.until_heard(placed)
        await x.until(lambda: order.id in x.book(order.market_id))


def _lose_frames(state: State, rng: random.Random) -> None:
    """Drops some frames before they reach the state, once it is ready: gaps."""
    feed = state.feed

    def lossy(frame: pb.ServerFrame) -> list[Update]:
        of_streams = all(not message.request_id for message in frame.messages)
        return [] if state.ready and of_streams and rng.random() < 0.1 else feed(frame)

    state.feed = lossy  # type: ignore[method-assign]


async def _trade(x: Exchange, markets: list[int], rng: random.Random, frames: int) -> None:
    for _ in range(frames):
        market = rng.choice(markets)
        commands: list[Request[Any]] = []
        for _ in range(rng.randint(1, 10)):
            own = x.portfolio().orders_in(market)
            if own and rng.random() < 0.4:
                commands.append(requests.cancel_order(rng.choice(own).id))
            else:
                body = pb.CreateOrder(market_id=market, side=rng.choice((BID, OFFER)), size=rng.randint(1, 50))
                body.price = rng.randint(4500, 5500)
                commands.append(Request.of(body, pb.OrderCreated))
        await x.until_connected()
        try:
            answers = await asyncio.gather(*x.send_many(commands), return_exceptions=True)
        except ConnectionLost:
            continue
        assert all(isinstance(answer, Reply | Refused | OutcomeUnknown) for answer in answers)


async def _cut(line: Line, rng: random.Random, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        line.cut()


async def test_an_order_whose_reply_was_lost_is_sent_again_and_exists_once(people: LiveExchange) -> None:
    async with line_to(people.port) as line, connect(people, "bob", line=line, all_markets=True) as bob:
        market = (await bob.create_market("Lost answer", *HUNDRED)).body.market.id
        await bob.subscribe(market)
        async with connect(people, "carol", markets=[market]) as watcher:
            line.deaf = True
            placing = bob.send(requests.create_order(market, BID, "40", "1", client_order_id="once"))
            await watcher.until(lambda: len(watcher.book(market)) == 1)  # it was done, but Bob cannot know
            line.cut()
            placed = await placing
            assert placed.replayed
            await bob.until_heard(placed)
            assert [order.id for order in bob.portfolio().orders_in(market)] == [placed.body.order.id]
            assert len(watcher.book(market)) == 1


async def test_an_order_exists_once_after_the_exchange_is_killed(
    start_exchange: Callable[..., LiveExchange],
) -> None:
    exchange = start_exchange()
    exchange.browser("alice").get("/")
    async with line_to(exchange.port) as line, connect(exchange, "alice", line=line, all_markets=True) as alice:
        market = (await alice.create_market("Killed", *HUNDRED)).body.market.id
        await alice.subscribe(market)
        epoch = alice.state.epoch
        orders = [requests.create_order(market, BID, "1", "0.01", client_order_id=f"order-{n}") for n in range(200)]
        line.deaf = True
        placing = alice.send_many(orders)
        await asyncio.sleep(random.random() / 20)
        exchange.kill()
        line.cut()
        await asyncio.to_thread(exchange.start)
        placed = await asyncio.gather(*placing)
        await alice.until_heard(*placed)
        assert alice.state.epoch != epoch
        assert sorted(order.client_order_id for order in alice.portfolio().orders.values()) == sorted(
            order.key for order in orders
        )
        assert len({reply.body.order.id for reply in placed}) == 200
    assert exchange.stop() == 0
    exchange.verify()


async def test_house_bots_trade_where_they_are_wanted_and_end_with_status_0(
    people: LiveExchange, tmp_path: Path
) -> None:
    """An owner settles the own market. House bots that traded in everybody's would give their money away."""
    tokens = tmp_path / "tokens.json"
    roles = {"maker": "alice", "noise": "bob", "momentum": "carol"}
    tokens.write_text(json.dumps({role: people.token(name) for role, name in roles.items()}), encoding="utf-8")
    command = (sys.executable, "-m", "exchange_client.bots.house", "--url", people.ws_url, "--interval", "0.02")
    async with connect(people, "alice", all_markets=True) as x, connect(people, "bob") as bob:
        theirs = (await bob.create_market("Not for the house", *HUNDRED)).body.market.id
        named = (await bob.create_market("Named to the house", *HUNDRED)).body.market.id
        wanted = (f"--owner={x.account_id}", f"--market={named}")
        house = await asyncio.create_subprocess_exec(*command, "--tokens-file", str(tokens), *wanted)
        late = (await x.create_market("Opened while they trade", *HUNDRED)).body.market.id
        await x.until(lambda: {named, late} <= x.state.markets.keys())  # a reply may come before the streams
        async with asyncio.timeout(STEP_SECONDS_MAX):
            await x.until(lambda: len(x.market(late).tape) >= 3 and len(x.market(named).tape) >= 3)
        assert not x.market(theirs).tape
        assert len(x.book(theirs)) == 0
        house.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STEP_SECONDS_MAX):
            assert await house.wait() == 0
            await x.until(lambda: len(x.book(late)) == 0)  # they cancelled their orders
