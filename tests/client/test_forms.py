"""The forms of a market's stream: masked, unmasked and summary; and which definitions the client keeps."""

import pytest
from exchange_client import exchange_pb2 as pb
from exchange_client.state import State

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

PLAIN, UNMASKED, SUMMARY = "market.1", "market.1.unmasked", "market.1.summary"
ACCOUNT = f"account.{OWN}"
Messages = list[pb.ServerMessage]


@pytest.fixture
def state() -> State:
    """A state at seq 10, after first_snapshots."""
    state = State()
    state.hello("secret", markets=[1])
    state.feed(frame(authenticated(), *first_snapshots(), ready()))
    return state


def market(name: str = "Rain", number: int = 1) -> pb.Market:
    return pb.Market(id=number, name=name, status=pb.OPEN)


def ended(*streams: str, asked: bool = False) -> pb.ServerMessage:
    return say(pb.Unsubscribed(streams=streams), reply_to="1" if asked else "")


def book_snapshot(form: str, seq: int, account: int, name: str = "Rain") -> Messages:
    """A new snapshot of the book in this form, with one bid: order 7."""
    bid = order(7, pb.BID, 4100, 100, account=account)
    return snapshot(form, seq, pb.Markets(markets=[market(name)]), pb.Orders(orders=[bid]))


def sudo_set(on: bool, *, asked: bool = True) -> pb.ServerMessage:
    return say(pb.SudoSet(on=on), reply_to="2" if asked else "")


def in_sudo(state: State) -> None:
    """The market hides ids; sudo shows them from here on."""
    state.switch()
    state.feed(frame(ended(PLAIN), *book_snapshot(UNMASKED, 12, account=9), sudo_set(True)))
    state.switched()


def test_sudo_shows_ids_in_the_same_book_and_hides_them_again(state: State) -> None:
    view, book = state.markets[1], state.markets[1].book
    in_sudo(state)
    assert state.sudo
    assert state.markets == {1: view}
    assert [resting.account_id for resting in book.bids] == [9]
    state.feed(frame(*piece(UNMASKED, 12, 13, cancelled((7, 40)))))
    assert [resting.open for resting in book.bids] == [40]
    state.switch()
    state.feed(frame(ended(UNMASKED), *book_snapshot(PLAIN, 14, account=0), sudo_set(False)))
    state.switched()
    assert state.markets[1].book is book
    assert [resting.account_id for resting in book.bids] == [0]
    assert state.heard(UNMASKED) is None
    assert (state.sudo, state.lost) == (False, set())


def test_the_book_is_there_between_the_end_of_one_form_and_the_snapshot_of_the_other(state: State) -> None:
    """The end and the snapshot may come in different frames."""
    book = state.markets[1].book
    state.switch()
    state.feed(frame(ended(PLAIN)))
    assert state.markets[1].book is book
    assert len(book) == 2
    state.feed(frame(say(pb.UpToDate(seq=12, epoch=EPOCH))))
    assert 1 in state.markets
    state.feed(frame(*book_snapshot(UNMASKED, 12, account=9)))
    state.feed(frame(sudo_set(True)))
    state.switched()
    assert state.markets[1].book is book
    assert len(book) == 1


@pytest.mark.parametrize("ends_first", [True, False])
def test_a_change_of_hide_account_ids_keeps_the_book_in_either_order(state: State, ends_first: bool) -> None:
    in_sudo(state)
    book = state.markets[1].book
    messages = [[ended(UNMASKED)], book_snapshot(PLAIN, 20, account=8, name="Open book")]
    for part in messages if ends_first else reversed(messages):
        state.feed(frame(*part))
        assert state.markets[1].book is book
        assert len(book) == 1
    late = piece(UNMASKED, 0, 21, cancelled((7, 0)))  # of the form that has ended: sent before its end, received after
    state.feed(frame(*late, *piece(PLAIN, 20, 21, cancelled((7, 60)))))
    assert [(resting.account_id, resting.open) for resting in book.bids] == [(8, 60)]
    assert (state.markets[1].market.name, state.heard(PLAIN), state.heard(UNMASKED)) == ("Open book", 21, None)
    state.feed(frame(say(pb.UpToDate(seq=30, epoch=EPOCH))))
    assert state.markets[1].book is book
    assert len(book) == 1


def test_a_market_that_may_no_longer_be_seen_disappears_at_once(state: State) -> None:
    book = state.markets[1].book
    state.feed(frame(ended(PLAIN)))
    assert state.markets == {}
    assert len(book) == 0
    assert state.lost == {1}
    state.feed(frame(*book_snapshot(PLAIN, 20, account=9)))
    assert state.markets[1].book is book
    assert state.lost == set()


def test_markets_that_only_sudo_showed_disappear_with_it(state: State) -> None:
    in_sudo(state)
    secret = snapshot("market.5", 13, pb.Markets(markets=[market("Secret", 5)]))
    guest = snapshot("account.8", 13, pb.AccountState(account=pb.Account(id=8, name="Bob"), cash=5))
    state.feed(frame(*secret, *guest, say(pb.ActingAs(account_id=8), reply_to="3")))
    assert (set(state.markets), set(state.portfolios), state.account_id) == ({1, 5}, {OWN, 8}, 8)
    # The password was entered too long ago, so the exchange ends sudo unasked.
    masked, mine = book_snapshot(PLAIN, 14, account=0), say(pb.ActingAs(account_id=OWN))
    state.feed(frame(ended("account.8", UNMASKED, "market.5"), *masked, mine, sudo_set(False, asked=False)))
    assert (set(state.markets), set(state.portfolios), state.account_id) == ({1}, {OWN}, OWN)
    assert not state.sudo
    assert state.lost == {5}
    assert state.market(5) is None


def test_a_refused_switch_leaves_everything_as_it_is(state: State) -> None:
    state.switch()
    state.feed(frame(say(pb.Refused(code=pb.SUDO_REQUIRED), reply_to="2")))
    state.switched()
    assert set(state.markets) == {1}
    state.feed(frame(ended(PLAIN)))
    assert state.markets == {}


def test_a_stream_of_sudo_is_not_resumed_and_its_book_stays(state: State) -> None:
    in_sudo(state)
    book = state.markets[1].book
    hello = state.hello("secret", markets=[1])
    assert (hello.epoch, hello.from_seq, hello.subscriptions[0].from_seq) == (0, 0, 0)
    assert not state.sudo
    state.switch()
    masked = [message for message in first_snapshots() if message.snapshot_begin.stream != PLAIN]
    state.feed(frame(authenticated(), *masked[:-4], *book_snapshot(PLAIN, 20, account=0), ready()))
    assert [resting.account_id for resting in book.bids] == [0]
    state.feed(frame(ended(PLAIN), *book_snapshot(UNMASKED, 20, account=9), sudo_set(True)))
    assert state.markets[1].book is book
    assert [resting.account_id for resting in book.bids] == [9]


def test_trades_are_reported_once_whatever_the_form(state: State) -> None:
    in_sudo(state)
    state.feed(frame(*piece(UNMASKED, 12, 13, pb.Trades(trades=[trade(1, 4100, 50, 7, 50)]))))
    state.feed(frame(*piece(PLAIN, 0, 13, pb.Trades(trades=[trade(1, 4100, 50, 7, 50)]))))
    assert len(state.markets[1].tape) == 1


# --- Definitions


def name_of(state: State, number: int = 1) -> str | None:
    found = state.market(number)
    return found.name if found else None


def test_the_newest_definition_counts_whichever_stream_sends_it(state: State) -> None:
    state.feed(frame(*piece("public", 10, 12, pb.MarketUpdated(market=market("Drizzle")))))
    assert name_of(state) == "Drizzle"
    state.feed(frame(*piece(PLAIN, 10, 13, pb.MarketUpdated(market=market("Storm")))))
    assert name_of(state) == "Storm"
    state.feed(frame(ended(PLAIN, asked=True)))
    assert name_of(state) == "Drizzle"


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_market_that_becomes_restricted_is_still_known_to_those_who_get_its_definition(
    state: State, withdrawn_first: bool
) -> None:
    secret = market("Secret")
    secret.restricted = True
    public = piece("public", 10, 12, pb.MarketWithdrawn(market_id=1))
    mine = piece(ACCOUNT, 10, 12, pb.MarketUpdated(market=secret))
    own = piece(PLAIN, 10, 12, pb.MarketUpdated(market=secret))
    for part in (public, mine, own) if withdrawn_first else (own, mine, public):
        state.feed(frame(*part))
    assert name_of(state) == "Secret"
    state.feed(frame(ended(PLAIN)))  # no longer listed ...
    state.feed(frame(*piece(ACCOUNT, 12, 13, pb.MarketUpdated(market=market("Kept")))))
    assert name_of(state) == "Kept"  # ... but the owner, or a past trader
    state.feed(frame(*piece(ACCOUNT, 13, 14, pb.MarketWithdrawn(market_id=1))))
    assert name_of(state) is None
    assert state.market_ids() == set()


def test_a_snapshot_of_a_stream_replaces_the_definitions_that_it_sent(state: State) -> None:
    state.feed(frame(*snapshot(ACCOUNT, 12, pb.AccountState(), pb.Markets(markets=[market("Secret", 5)]))))
    assert state.market_ids() == {1, 5}
    state.feed(frame(*snapshot(ACCOUNT, 13, pb.AccountState())))
    assert state.market_ids() == {1}


def test_following_all_markets_leaves_out_a_restricted_one_without_a_visible_book() -> None:
    state = State()
    state.hello("secret", all_markets=True)
    state.feed(frame(authenticated(), *first_snapshots(), ready()))
    state.hello("secret", all_markets=True)
    state.feed(frame(authenticated(), *piece(ACCOUNT, 10, 12, pb.MarketCreated(market=market("Secret", 5))), ready()))
    assert set(state.markets) == {1}
    assert name_of(state, 5) == "Secret"
    hello = state.hello("secret", all_markets=True)  # it may be visible all the same: the exchange decides
    assert [(item.market_id, item.from_seq) for item in hello.subscriptions] == [(0, 10), (5, 0)]
    state.feed(frame(authenticated(), ended("market.5"), ready()))
    assert set(state.markets) == {1}


# --- Summaries


def line(bid: int) -> pb.MarketSummary:
    return pb.MarketSummary(market_id=1, status=pb.OPEN, bid=bid, bid_size=100)


def with_summary(state: State) -> dict[int, pb.MarketSummary]:
    state.feed(frame(*snapshot(SUMMARY, 10, pb.Markets(markets=[market()]), line(4000))))
    return state.summaries


def test_a_summary_gives_a_line_and_no_book(state: State) -> None:
    summaries = with_summary(state)
    state.feed(frame(ended(PLAIN, asked=True)))
    assert (summaries[1].bid, set(state.markets)) == (4000, set())
    state.feed(frame(*piece(SUMMARY, 10, 12, pb.Markets(markets=[market("Storm")]), line(4100))))
    assert (summaries[1].bid, name_of(state)) == (4100, "Storm")
    state.feed(frame(ended(SUMMARY)))
    assert summaries == {}
    assert state.lost == set()
    assert name_of(state) == "Rain"  # as the public stream defines it


def test_a_summary_may_come_after_up_to_date_has_passed_its_command(state: State) -> None:
    """A summary is made up to 0.25 s later, with the seq of that moment."""
    summaries = with_summary(state)
    state.feed(frame(say(pb.UpToDate(seq=20, epoch=EPOCH))))
    assert state.heard(PLAIN) == 20
    state.feed(frame(*piece(SUMMARY, 10, 20, line(4200))))
    assert summaries[1].bid == 4200


def test_every_sign_in_subscribes_to_summaries_again(state: State) -> None:
    with_summary(state)
    hello = state.hello("secret", markets=[1], summaries=True)
    assert hello.epoch == EPOCH
    subscribed = [(item.market_id, item.market_summary, item.from_seq) for item in hello.subscriptions]
    assert subscribed == [(1, False, 10), (0, True, 0)]
