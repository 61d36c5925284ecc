"""The reader of streams: snapshot + stream = book. It applies nothing twice, and nothing after a gap."""

import random

import pytest
from exchange_client import exchange_pb2 as pb
from exchange_client.book import Book, Level
from exchange_client.state import State
from google.protobuf.message import Message

from tests.client.script import (
    EPOCH,
    OWN,
    authenticated,
    cancelled,
    first_snapshots,
    frame,
    order,
    piece,
    ready,
    say,
    snapshot,
    trade,
)

MARKET = "market.1"
ACCOUNT = f"account.{OWN}"


@pytest.fixture
def state() -> State:
    """A state at seq 10, after first_snapshots."""
    state = State()
    state.hello("secret", markets=[1])
    state.feed(frame(authenticated(), *first_snapshots(), ready()))
    return state


def rests(book: Book) -> list[tuple[int, int]]:
    """(id, open size) of the bids, then of the offers, in priority order."""
    return [(order.id, order.open) for side in (book.bids, book.offers) for order in side]


def test_snapshot_shows_book_portfolio_and_session(state: State) -> None:
    assert state.ready
    assert (state.user_id, state.own_account_id, state.account_id, state.epoch) == (1, OWN, OWN, EPOCH)
    assert state.markets[1].market.name == "Rain"
    assert rests(state.markets[1].book) == [(1, 1000), (2, 500)]
    assert state.portfolios[OWN].available == 10_000_000
    assert state.public.accounts[OWN].name == "Alice"


def test_snapshot_takes_effect_at_its_end_also_over_several_frames(state: State) -> None:
    book = state.markets[1].book
    begin, first, second, end = snapshot(
        MARKET, 12, pb.Orders(orders=[order(7, pb.BID, 4100, 100)]), pb.Orders(orders=[order(8, pb.BID, 4100, 200)])
    )
    state.feed(frame(begin, first))
    assert rests(book) == [(1, 1000), (2, 500)]
    state.feed(frame(second))
    updates = state.feed(frame(end))
    assert rests(book) == [(7, 100), (8, 200)]
    assert [(update.stream, update.seq) for update in updates] == [(MARKET, 12)]


def test_other_streams_and_replies_may_come_between_frames_of_a_snapshot(state: State) -> None:
    begin, first, second, end = snapshot(
        MARKET, 12, pb.Orders(orders=[order(7, pb.BID, 4100, 100)]), pb.Orders(orders=[order(8, pb.BID, 4100, 200)])
    )
    state.feed(frame(begin, first))
    state.feed(frame(*piece(ACCOUNT, 10, 11, pb.PortfolioUpdated(account_id=OWN, cash=5, available=4))))
    state.feed(frame(say(pb.OrderCreated(order=order(99, pb.BID, 1, 1)), reply_to="1"), second, end))
    assert state.portfolios[OWN].cash == 5
    assert rests(state.markets[1].book) == [(7, 100), (8, 200)]


def test_new_order_goes_behind_others_at_its_price(state: State) -> None:
    updates = state.feed(
        frame(
            *piece(MARKET, 10, 11, pb.OrderCreated(order=order(3, pb.BID, 4000, 200))),
            *piece(MARKET, 11, 12, pb.OrderCreated(order=order(4, pb.BID, 4100, 300))),
        )
    )
    book = state.markets[1].book
    assert rests(book) == [(4, 300), (1, 1000), (3, 200), (2, 500)]
    assert book.bids.levels() == [Level(4100, 300, 1), Level(4000, 1200, 2)]
    assert book.bids.levels(1) == [book.best_bid]
    assert [update.seq for update in updates] == [11, 12]


def test_a_trade_leaves_what_still_rests_of_the_maker_and_takes_the_last_of_it(state: State) -> None:
    view = state.markets[1]
    state.feed(frame(*piece(MARKET, 10, 11, pb.Trades(trades=[trade(1, 6000, 300, 2, 200)]))))
    assert view.book.best_offer == Level(6000, 200, 1)
    resting = view.book.order(2)
    assert resting is not None
    assert resting.filled == 300
    state.feed(frame(*piece(MARKET, 11, 12, pb.Trades(trades=[trade(2, 6000, 200, 2, 0)]))))
    assert rests(view.book) == [(1, 1000)]
    assert [item.id for item in view.tape] == [1, 2]
    assert view.last_price == 6000


def test_a_cancel_takes_an_order_away_and_a_decrement_leaves_its_place(state: State) -> None:
    state.feed(frame(*piece(MARKET, 10, 11, pb.OrderCreated(order=order(3, pb.BID, 4000, 200)))))
    state.feed(frame(*piece(MARKET, 11, 12, cancelled((1, 400), (2, 0)))))
    assert rests(state.markets[1].book) == [(1, 400), (3, 200)]
    resting = state.markets[1].book.order(1)
    assert resting is not None
    assert resting.filled == 0


def test_a_closed_market_has_no_book(state: State) -> None:
    closed = pb.Market(id=1, name="Rain", status=pb.CLOSED)
    state.feed(frame(*piece(MARKET, 10, 11, pb.BookCleared(market_id=1), pb.MarketUpdated(market=closed))))
    assert len(state.markets[1].book) == 0
    market = state.market(1)
    assert market is not None
    assert market.status == pb.CLOSED


def test_a_message_received_before_is_dropped(state: State) -> None:
    created = piece(MARKET, 10, 11, pb.OrderCreated(order=order(3, pb.BID, 4000, 200)))
    gone = piece(MARKET, 11, 12, cancelled((3, 0)))
    state.feed(frame(*created, *gone))
    assert state.feed(frame(*created)) == []
    assert 3 not in state.markets[1].book
    assert state.gaps == 0


def test_messages_after_a_gap_are_ignored_until_a_snapshot_comes(state: State) -> None:
    missed = piece(MARKET, 11, 12, pb.OrderCreated(order=order(4, pb.BID, 4100, 1)))
    assert state.feed(frame(*missed)) == []
    assert state.gaps == 1
    state.feed(frame(say(pb.UpToDate(seq=13, epoch=EPOCH))))
    assert state.heard(MARKET) == 10  # not 13: this stream has a gap
    assert state.heard(ACCOUNT) == 13
    state.feed(frame(*snapshot(MARKET, 12, pb.Orders(orders=[order(4, pb.BID, 4100, 1)]))))
    state.feed(frame(*piece(MARKET, 12, 14, pb.OrderCreated(order=order(5, pb.BID, 4000, 7)))))
    assert rests(state.markets[1].book) == [(4, 1), (5, 7)]


def test_the_missing_messages_fill_a_gap_too(state: State) -> None:
    first = piece(MARKET, 10, 11, pb.OrderCreated(order=order(3, pb.BID, 4000, 200)))
    second = piece(MARKET, 11, 12, cancelled((1, 0)))
    state.feed(frame(*second))
    state.feed(frame(*first, *second))
    assert rests(state.markets[1].book) == [(3, 200), (2, 500)]


def test_after_a_gap_unknown_to_the_exchange_the_next_sign_in_starts_anew(state: State) -> None:
    state.feed(frame(*piece(MARKET, 11, 12, cancelled((1, 0)))))
    up_to_date = frame(say(pb.UpToDate(seq=13, epoch=EPOCH)))
    stuck = []
    for _ in range(2):
        state.feed(up_to_date)
        stuck.append(state.stuck)
    assert state.hello("secret", markets=[1]).epoch == 0
    state.feed(frame(authenticated(), *first_snapshots(), ready()))
    assert [*stuck, state.stuck] == [False, True, False]


def test_up_to_date_of_another_epoch_says_nothing_about_this_one(state: State) -> None:
    state.feed(frame(say(pb.UpToDate(seq=99, epoch=EPOCH + 1))))
    assert state.heard(MARKET) == 10


def test_messages_of_several_streams_in_one_frame_go_to_their_streams(state: State) -> None:
    fill = pb.Fill(order_id=5, market_id=1, open=0)
    state.feed(
        frame(
            *piece(MARKET, 10, 11, pb.OrderCreated(order=order(5, pb.BID, 4000, 200, account=OWN))),
            *piece(ACCOUNT, 10, 11, pb.OrderCreated(order=order(5, pb.BID, 4000, 200, account=OWN))),
            *piece("market.2", 3, 11, pb.OrderCreated(order=order(6, pb.BID, 1, 1))),
        )
    )
    assert list(state.portfolios[OWN].orders) == [5]
    assert 2 not in state.markets
    state.feed(frame(*piece(ACCOUNT, 11, 12, pb.Fills(account_id=OWN, fills=[fill]))))
    assert state.portfolios[OWN].orders == {}
    assert 5 in state.markets[1].book  # the market's stream changes the book


def test_a_reply_changes_nothing(state: State) -> None:
    created = say(pb.OrderCreated(order=order(5, pb.BID, 4000, 200)), seq=11, reply_to="1")
    assert state.feed(frame(*piece(MARKET, 10, 11), created)) == []
    assert 5 not in state.markets[1].book


def test_what_comes_after_a_reply_is_not_of_the_stream_before_it(state: State) -> None:
    reply = say(pb.OrdersCancelled(), seq=11, reply_to="1")
    state.feed(frame(*piece(MARKET, 10, 11), reply, say(pb.BookCleared(market_id=1))))
    assert len(state.markets[1].book) == 2


def test_trades_in_a_snapshot_are_older_than_its_book(state: State) -> None:
    """The maker's open size in the trade is not its open size now."""
    rest = pb.Orders(orders=[order(2, pb.OFFER, 6000, 500, open_=100)])
    state.feed(frame(*snapshot(MARKET, 12, rest, pb.Trades(trades=[trade(1, 6000, 100, 2, 400)]))))
    assert rests(state.markets[1].book) == [(2, 100)]
    assert state.markets[1].last_price == 6000


def test_portfolio_follows_money_exposures_owners_and_transfers(state: State) -> None:
    exposure = pb.Exposure(market_id=1, position=300, worst=-500)
    transfer = pb.Transfer(id=1, from_account_id=OWN, to_account_id=9, amount=5)
    state.feed(
        frame(
            *piece(
                ACCOUNT,
                10,
                11,
                pb.TransferCreated(transfer=transfer),
                pb.PortfolioUpdated(account_id=OWN, cash=8, available=7, exposures=[exposure]),
            )
        )
    )
    portfolio = state.portfolios[OWN]
    assert (portfolio.cash, portfolio.available) == (8, 7)
    assert portfolio.position(1) == 300
    assert portfolio.position(2) == 0
    assert [item.id for item in portfolio.transfers] == [1]
    owned = pb.PortfolioUpdated(account_id=OWN, cash=9, available=9, owners=[pb.Owner(owner_id=4, credit=9)])
    state.feed(frame(*piece(ACCOUNT, 11, 12, owned)))
    assert portfolio.position(1) == 300
    assert [owner.owner_id for owner in portfolio.owners] == [4]


def test_a_new_account_is_followed_from_its_first_message_on(state: State) -> None:
    alt = pb.Account(id=12, name="Alice's alt", kind=pb.ALT)
    created = pb.AccountCreated(account=alt, owners=[pb.Owner(owner_id=OWN)])
    state.feed(frame(*piece("account.12", 0, 11, created), *piece("public", 10, 11, pb.AccountCreated(account=alt))))
    assert state.portfolios[12].account.name == "Alice's alt"
    assert state.public.accounts[12].kind == pb.ALT


def test_unknown_messages_and_streams_are_ignored(state: State) -> None:
    updates = state.feed(
        frame(
            pb.ServerMessage(seq=11),
            *piece("weather.1", 0, 11, pb.BookCleared(market_id=1)),
            *snapshot("market.1.weather", 11, pb.Orders()),
        )
    )
    assert updates == []
    assert len(state.markets[1].book) == 2


def test_a_sign_in_resumes_from_where_every_stream_was_complete(state: State) -> None:
    state.feed(frame(*piece(MARKET, 10, 15, pb.OrderCreated(order=order(3, pb.BID, 4000, 200)))))
    hello = state.hello("secret", act_as=OWN, markets=[1, 2])
    assert (hello.epoch, hello.from_seq, hello.act_as) == (EPOCH, 10, OWN)
    assert [(item.market_id, item.from_seq) for item in hello.subscriptions] == [(1, 15), (2, 0)]
    state.feed(frame(say(pb.UpToDate(seq=30, epoch=EPOCH))))
    hello = state.hello("secret", all_markets=True)
    assert hello.from_seq == 30
    assert [(item.all_markets, item.from_seq) for item in hello.subscriptions] == [(True, 30)]


def resumed(*, all_markets: bool) -> State:
    """A state at seq 10 that reconnects; the exchange has just accepted the sign-in."""
    state = State()
    state.hello("secret", markets=[1], all_markets=all_markets)
    state.feed(frame(authenticated(), *first_snapshots(), ready()))
    state.hello("secret", markets=[1], all_markets=all_markets)
    state.feed(frame(authenticated()))
    return state


def test_a_market_created_while_away_is_followed_from_its_beginning() -> None:
    """The first prev_seq of its stream is where the matcher started, which is before we left."""
    state = resumed(all_markets=True)
    quiet, busy = pb.Market(id=8, name="Hail", status=pb.OPEN), pb.Market(id=9, name="Snow", status=pb.OPEN)
    state.feed(
        frame(
            *piece("public", 10, 12, pb.MarketCreated(market=quiet), pb.MarketCreated(market=busy)),
            *piece("market.9", 4, 13, pb.OrderCreated(order=order(7, pb.BID, 4100, 100))),
            ready(),
        )
    )
    assert rests(state.markets[9].book) == [(7, 100)]
    assert state.markets[9].market.status == pb.OPEN
    assert state.markets[8].market.name == "Hail"
    state.feed(frame(*piece("market.8", 4, 14, pb.OrderCreated(order=order(9, pb.BID, 4100, 100)))))
    assert rests(state.markets[8].book) == [(9, 100)]
    assert state.gaps == 0


def test_it_is_followed_too_if_the_public_stream_came_as_a_snapshot() -> None:
    state = resumed(all_markets=True)
    markets = pb.Markets(markets=[pb.Market(id=1, name="Rain"), pb.Market(id=9, name="Snow")])
    state.feed(frame(*snapshot("public", 20, markets), ready()))
    assert set(state.markets) == {1, 9}
    assert state.heard("market.9") == 10


def test_a_market_whose_first_snapshot_was_lost_with_the_connection_is_asked_for() -> None:
    """The public stream had defined it and will not do so again."""
    state = resumed(all_markets=True)
    state.feed(frame(ready()))
    state.feed(frame(*piece("public", 10, 12, pb.MarketCreated(market=pb.Market(id=9, name="Snow")))))
    hello = state.hello("secret", all_markets=True)
    subscribed = [(item.all_markets, item.market_id, item.from_seq) for item in hello.subscriptions]
    assert subscribed == [(True, 0, 10), (False, 9, 0)]  # the last subscription of a stream counts


def test_a_new_market_is_not_followed_unless_all_are() -> None:
    state = resumed(all_markets=False)
    created = pb.MarketCreated(market=pb.Market(id=9, name="Snow"))
    state.feed(frame(*piece("public", 10, 12, created), ready()))
    assert set(state.markets) == {1}


def test_an_account_created_while_away_is_followed_from_its_beginning() -> None:
    state = resumed(all_markets=False)
    alt = pb.Account(id=12, name="Alice's alt", kind=pb.ALT)
    created = pb.AccountCreated(account=alt, owners=[pb.Owner(owner_id=OWN)])
    funded = pb.PortfolioUpdated(account_id=12, cash=5, available=5)
    state.feed(frame(*piece(ACCOUNT, 10, 12, created), ready()))
    assert state.portfolios[12].account.name == "Alice's alt"
    state.feed(frame(*piece("account.12", 4, 13, funded)))
    assert state.portfolios[12].cash == 5
    state.feed(frame(*piece("account.13", 4, 14, pb.PortfolioUpdated(account_id=13, cash=6))))
    assert state.portfolios[13].cash == 6


def test_a_sign_in_starts_anew_if_some_first_snapshots_did_not_come() -> None:
    state = State()
    state.hello("secret", markets=[1])
    state.feed(frame(authenticated(), *first_snapshots()))
    hello = state.hello("secret", markets=[1])
    assert (hello.epoch, hello.from_seq, hello.subscriptions[0].from_seq) == (0, 0, 0)


def test_an_incomplete_snapshot_is_dropped_with_its_socket(state: State) -> None:
    begin, orders, end = snapshot(MARKET, 12, pb.Orders(orders=[order(7, pb.BID, 4100, 100)]))
    state.feed(frame(begin, orders))
    state.hello("secret", markets=[1])
    state.feed(frame(authenticated(), *piece(MARKET, 10, 11, cancelled((1, 0))), ready(), end))
    assert rests(state.markets[1].book) == [(2, 500)]


def test_a_new_epoch_replaces_the_state_and_drops_what_it_does_not_send(state: State) -> None:
    state.feed(frame(*snapshot("market.2", 10, pb.Orders())))
    state.hello("secret", markets=[1])
    state.feed(frame(authenticated(EPOCH + 1), *first_snapshots()))
    assert set(state.markets) == {1, 2}
    state.feed(frame(ready()))
    assert set(state.markets) == {1}
    assert state.hello("secret").epoch == EPOCH + 1


def test_unsubscribed_streams_are_forgotten(state: State) -> None:
    state.feed(frame(say(pb.Unsubscribed(streams=[MARKET]), reply_to="1")))
    assert state.markets == {}
    assert state.heard(MARKET) is None
    market = state.market(1)  # the public stream still defines it
    assert market is not None
    assert market.name == "Rain"


def test_random_messages_build_the_same_book_as_a_simple_list() -> None:
    """Compares with the simplest book: a list of orders, sorted by price and age."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    naive: dict[int, pb.Order] = {}
    state = State()
    state.feed(frame(*snapshot(MARKET, 0, pb.Orders())))
    book = state.markets[1].book
    for seq in range(1, 3000):
        if naive and rng.random() < 0.5:
            victim = rng.choice(list(naive.values()))
            victim.open = rng.choice((0, rng.randrange(victim.open)))
            body: Message = rng.choice(
                (pb.Trades(trades=[trade(seq, 1, 1, victim.id, victim.open)]), cancelled((victim.id, victim.open)))
            )
            if victim.open == 0:
                del naive[victim.id]
        else:
            side = rng.choice((pb.BID, pb.OFFER))
            naive[seq] = order(seq, side, rng.randrange(10), rng.randrange(1, 100))
            body = pb.OrderCreated(order=naive[seq])
        state.feed(frame(*piece(MARKET, seq - 1, seq, body)))
    bids = sorted((o for o in naive.values() if o.side == pb.BID), key=lambda o: (-o.price, o.id))
    offers = sorted((o for o in naive.values() if o.side == pb.OFFER), key=lambda o: (o.price, o.id))
    assert rests(book) == [(o.id, o.open) for o in [*bids, *offers]]
    for ladder, orders in ((book.bids, bids), (book.offers, offers)):
        assert sum(level.size for level in ladder.levels()) == sum(o.open for o in orders)
        assert sum(level.orders for level in ladder.levels()) == len(orders)
