"""Decides which streams carry an event, live and replayed. Snapshots (snapshots.py) follow the same rules.

- A market's stream is for everybody who sees the market WHOLE (engine/visibility.py).
- An account's stream is for everybody who may act as the account.
- The public stream is for everybody who is signed in.
- Only an account's stream carries its client_order_ids, and the ids of its orders that a market's end cancels.
- If a market hides account ids, its stream is masked. Operators in sudo follow another stream, which is not.
- A restricted market's definition goes to the streams of the accounts that see or know it, never to the public one.
"""

from collections.abc import Iterator

from markets.engine import events
from markets.engine.book import Market
from markets.engine.commands import MarketStatus, Side
from markets.engine.engine import Engine
from markets.engine.events import CancelCause, Event
from markets.engine.ledger import Account
from markets.engine.state import HOUSE, Changed
from markets.engine.visibility import WHOLE, degrees, knowing
from markets.wire import codec
from proto import exchange_pb2 as pb
from realtime.groups import PUBLIC, UNMASKED, stream_of_account, stream_of_market

BID, OFFER = int(Side.BID), int(Side.OFFER)

# The market's streams carry one BookCleared instead of these cancels.
CLEARED = (CancelCause.BY_CLOSE, CancelCause.BY_SETTLEMENT)

BookStreams = tuple[tuple[str, bool], ...]  # (stream, whether it is masked)


class Publication:
    """What a batch publishes: one ServerFrame for each stream. Every accepted command adds its messages."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.frames: dict[str, pb.ServerFrame] = {}
        self.seqs: dict[str, int] = {}  # stream -> seq of the last command that added to it
        self.new_accounts: list[Account] = []
        self.new_markets: list[Market] = []
        self.new_shares: list[events.ShareCreated] = []
        self.defined: set[int] = set()  # markets whose definition is published
        self._withdrawn: set[int] = set()
        self._book_streams: dict[int, BookStreams] = {}

    def message_on(self, stream: str, seq: int) -> pb.ServerMessage:
        """Adds an empty message to the stream. The caller fills it in place."""
        frame = self.frames.get(stream)
        if frame is None:
            frame = self.frames[stream] = pb.ServerFrame()
        self.seqs[stream] = seq
        message = frame.messages.add()
        message.seq = seq
        return message

    def add(self, seq: int, command_events: list[Event]) -> None:
        """Adds the messages of one accepted command."""
        last = command_events[-1] if command_events else None
        if type(last) is events.OrderCreated:
            self._add_order(seq, last, command_events)
            return
        self._add_cancelled(seq, [e for e in command_events if type(e) is events.OrderCancelled])
        for event in command_events:
            self._add_other(seq, event)

    def add_portfolios(self, seq: int, changed: Changed) -> None:
        """Adds one PortfolioUpdated for each account of the batch, with the figures as they are now."""
        portfolios: dict[int, pb.PortfolioUpdated] = {}
        for id, account in changed.accounts.items():
            if id == HOUSE:
                continue
            stream = stream_of_account(id)
            portfolio = portfolios[id] = self.message_on(stream, self.seqs.get(stream, seq)).portfolio_updated
            portfolio.account_id = id
            portfolio.cash = account.cash
            portfolio.available = account.available
            if id in changed.owners:
                portfolio.owners.extend(codec.owner_messages(account))
        for (id, market), exposure in changed.exposures.items():
            codec.write_exposure(portfolios[id].exposures.add(), market, exposure)

    def _streams_of(self, market: int) -> BookStreams:
        """The streams of the market's book, and whether each is masked."""
        book_streams = self._book_streams.get(market)
        if book_streams is None:
            book_streams = self._book_streams[market] = book_streams_of(self.engine.markets[market])
        return book_streams

    def _add_order(self, seq: int, created: events.OrderCreated, command_events: list[Event]) -> None:
        """Adds trades, then cancels of resting orders, then the order itself. Each account gets its own part."""
        book_streams = self._streams_of(created.market)
        if len(command_events) > 1:
            self._add_trades(seq, book_streams, [e for e in command_events if type(e) is events.Traded])
            cancelled = [e for e in command_events if type(e) is events.OrderCancelled]
            self._add_cancelled(seq, cancelled, unknown_to_market=created.order)
        own = self.message_on(stream_of_account(created.account), seq)
        codec.write_created(own.order_created.order, created, own=True)
        if created.open:
            for stream, masked in book_streams:
                codec.write_created(self.message_on(stream, seq).order_created.order, created, own=False, masked=masked)

    def _add_trades(self, seq: int, book_streams: BookStreams, trades: list[events.Traded]) -> None:
        """Adds trades to the market's streams, and fills to the stream of each side."""
        if not trades:
            return
        for stream, masked in book_streams:
            tape = self.message_on(stream, seq).trades.trades
            for e in trades:
                codec.write_trade(tape.add(), e, masked)
        hidden = len(book_streams) > 1
        fills: dict[int, pb.Fills] = {}
        for e in trades:
            for side, account in ((BID, e.buyer), (OFFER, e.seller)):
                if account not in fills:
                    fills[account] = self.message_on(stream_of_account(account), seq).fills
                    fills[account].account_id = account
                codec.write_fill(fills[account].fills.add(), e, side, hidden)

    def _add_cancelled(self, seq: int, cancelled: list[events.OrderCancelled], unknown_to_market: int = 0) -> None:
        """Adds cancels to the streams of their accounts, and of the market.

        The market's streams leave out orders in CLEARED, and the order `unknown_to_market`, which they never carried.
        """
        messages: dict[str, pb.OrdersCancelled] = {}
        for e in cancelled:
            streams = [stream_of_account(e.account)]
            if e.order != unknown_to_market and e.cause not in CLEARED:
                streams.extend(stream for stream, _ in self._streams_of(e.market))
            for stream in streams:
                if stream not in messages:
                    messages[stream] = self.message_on(stream, seq).orders_cancelled
                codec.write_cancelled(messages[stream].orders.add(), e)

    def _add_other(self, seq: int, event: Event) -> None:
        match event:
            case events.AccountCreated():
                self._add_account(seq, event)
            case events.ShareCreated() | events.ShareEnded():
                self._add_share(seq, event)
            case events.Transferred():
                for side in (event.from_account, event.to_account):
                    if side != HOUSE:
                        transfer = self.message_on(stream_of_account(side), seq).transfer_created.transfer
                        transfer.CopyFrom(codec.transfer_message(event))
            case events.MarketCreated():
                market = self.engine.markets[event.market]
                self.new_markets.append(market)
                for stream, with_book in self._definition_streams(market):
                    created = self.message_on(stream, seq).market_created
                    created.market.CopyFrom(codec.market_message(market, with_book))
            case events.MarketEdited():
                self._withdraw(seq, event)
                self._update_market(seq, event.market)
            case events.MarketStatusChanged():
                self._update_market(seq, event.market)
                if event.status == MarketStatus.CLOSED:
                    self._clear_book(seq, event.market)
            case events.MarketSettled():
                market = self.engine.markets[event.market]
                self._clear_book(seq, event.market)
                for stream, with_book in self._all_streams(market):
                    settled = self.message_on(stream, seq).market_settled
                    settled.market.CopyFrom(codec.market_message(market, with_book))
            case events.AuctionCreated() | events.AuctionEdited() | events.AuctionWithdrawn() | events.AuctionSettled():
                codec.write_auction(self.message_on(PUBLIC, seq), self.engine, event)
            case events.PaidOut():
                paid = self.message_on(stream_of_account(event.account), seq).paid_out
                paid.market_id, paid.account_id, paid.position, paid.price, paid.amount = event

    def _add_account(self, seq: int, event: events.AccountCreated) -> None:
        account = self.engine.accounts[event.account]
        self.new_accounts.append(account)
        created = self.message_on(PUBLIC, seq).account_created
        created.account.CopyFrom(codec.account_message(account))
        if event.owner:
            with_owners = self.message_on(stream_of_account(event.owner), seq).account_created
            with_owners.CopyFrom(created)
            with_owners.owners.extend(codec.owner_messages(account))

    def _add_share(self, seq: int, event: events.ShareCreated | events.ShareEnded) -> None:
        """Adds OwnersChanged for the account, and for the account that became an owner or ceased to be one."""
        account = self.engine.accounts[event.account]
        if isinstance(event, events.ShareCreated):
            self.new_shares.append(event)
        owns = event.owner in account.owners  # after the whole batch
        for id, with_owners in ((event.account, True), (event.owner, owns)):
            codec.write_owners(self.message_on(stream_of_account(id), seq).owners_changed, account, with_owners)

    def _clear_book(self, seq: int, market: int) -> None:
        for stream, _ in self._streams_of(market):
            self.message_on(stream, seq).book_cleared.market_id = market

    # --- Definitions of markets

    def _definition_streams(self, market: Market) -> list[tuple[str, bool]]:
        """The streams that carry the market's definition besides its own, and whether volume and last price are in it.

        Only those who see the book get volume and last price.
        """
        self.defined.add(market.id)
        if not market.visible_to:
            return [(PUBLIC, True)]
        return [(stream_of_account(id), degree == WHOLE) for id, degree in degrees(self.engine, market).items()]

    def _all_streams(self, market: Market) -> Iterator[tuple[str, bool]]:
        """The streams of _definition_streams, then the market's own."""
        yield from self._definition_streams(market)
        for stream, _ in self._streams_of(market.id):
            yield stream, True

    def _update_market(self, seq: int, id: int) -> None:
        market = self.engine.markets[id]
        for stream, with_book in self._all_streams(market):
            updated = self.message_on(stream, seq).market_updated
            updated.market.CopyFrom(codec.market_message(market, with_book))

    def _withdraw(self, seq: int, event: events.MarketEdited) -> None:
        """Adds MarketWithdrawn to the streams that carried the market's definition and do so no longer."""
        market = self.engine.markets[event.market]
        if event.visible_before is None or market in self.new_markets or market.id in self._withdrawn:
            return
        # The engine has the list as it is after the whole batch. So it is compared only once, with the list before it.
        self._withdrawn.add(market.id)
        if event.visible_before:
            before = {stream_of_account(id) for id in knowing(self.engine, market).union(event.visible_before)}
        else:
            before = {PUBLIC}
        for stream in sorted(before.difference(stream for stream, _ in self._definition_streams(market))):
            self.message_on(stream, seq).market_withdrawn.market_id = market.id


def book_streams_of(market: Market) -> BookStreams:
    """The streams of the market's book, and whether each is masked."""
    plain = stream_of_market(market.id)
    if market.hide_account_ids:
        return (plain, True), (stream_of_market(market.id, UNMASKED), False)
    return ((plain, False),)


def users_acting_as(engine: Engine, account: Account) -> list[int]:
    """The ids of the users who may act as the account."""
    found: dict[int, None] = {}
    waiting = [account.id]
    while waiting:
        one = engine.accounts[waiting.pop()]
        if one.user:
            found[one.user] = None
        waiting.extend(one.owners)
    return list(found)
