"""Streams: their names, the position on each, and the definitions of markets that each carries. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb
from exchange_client.views import SummaryView, View

PUBLIC = "public"
ACCOUNT = "account"
MARKET = "market"
UNMASKED = "unmasked"
SUMMARY = "summary"
FORMS = {ACCOUNT: ("",), MARKET: ("", UNMASKED, SUMMARY)}


class Name(NamedTuple):
    """The parts of a stream's name: account.<id>, market.<id>, market.<id>.unmasked, market.<id>.summary, public."""

    kind: str
    id: int = 0
    form: str = ""

    @property
    def is_book(self) -> bool:
        return self.kind == MARKET and self.form != SUMMARY


def named(stream: str) -> Name | None:
    """The parts of a name; None for a kind of stream that this client does not know."""
    if stream == PUBLIC:
        return Name(PUBLIC)
    kind, _, rest = stream.partition(".")
    number, _, form = rest.partition(".")
    return Name(kind, int(number), form) if number.isdecimal() and form in FORMS.get(kind, ()) else None


def account_stream(account_id: int) -> str:
    return f"{ACCOUNT}.{account_id}"


def market_stream(market_id: int, form: str = "") -> str:
    return f"{MARKET}.{market_id}.{form}" if form else f"{MARKET}.{market_id}"


def other_form(stream: str) -> str | None:
    """Of a book's stream, the one with or without the account ids that the market hides; of other streams None."""
    name = named(stream)
    return market_stream(name.id, "" if name.form else UNMASKED) if name and name.is_book else None


class Definition(NamedTuple):
    """A market as one stream described it, with the command `seq` or in a snapshot made at `seq`."""

    seq: int
    market: pb.Market


class Definitions:
    """The markets that one stream describes. The order between streams is not promised, so each keeps its own."""

    def __init__(self) -> None:
        self.by_id: dict[int, Definition] = {}

    def take(self, body: Message, seq: int) -> None:
        match body:
            case pb.Markets():
                for market in body.markets:
                    self._put(market, seq)
            case pb.MarketCreated() | pb.MarketUpdated() | pb.MarketSettled():
                self._put(body.market, seq)
            case pb.MarketWithdrawn():
                self.by_id.pop(body.market_id, None)

    def _put(self, market: pb.Market, seq: int) -> None:
        copy = pb.Market()
        copy.CopyFrom(market)
        self.by_id[market.id] = Definition(seq, copy)


@dataclass(slots=True)
class Stream:
    """A stream that is followed: its view, the definitions it carried, and the position on it."""

    view: View
    seq: int = 0  # everything up to here is applied
    missed: int = 0  # the highest seq that came while something before it was missing
    doubts: int = 0  # times that UpToDate came since
    definitions: Definitions = field(default_factory=Definitions)

    @property
    def whole(self) -> bool:
        """Nothing is missing."""
        return self.seq >= self.missed

    def begin(self, seq: int) -> None:
        """A snapshot made at `seq` follows."""
        self.view.clear()
        self.definitions = Definitions()
        self.seq, self.missed, self.doubts = seq, 0, 0

    def apply(self, body: Message, seq: int) -> None:
        self.view.apply(body)
        self.definitions.take(body, seq)

    def up_to_date(self, seq: int) -> None:
        """The exchange has sent everything up to `seq`; but a summary may come up to 0.25 s after its command."""
        if not self.whole:
            self.doubts += 1
            return
        self.doubts = 0
        if not isinstance(self.view, SummaryView):
            self.seq = max(self.seq, seq)


AUCTIONS = (pb.AuctionCreated, pb.AuctionUpdated, pb.AuctionWithdrawn, pb.AuctionSettled)


def streams_of(body: Message, account_id: int) -> set[str]:
    """The streams on which this account gets what a reply says. Auctions are public; a cancel of nothing is on none."""
    if isinstance(body, AUCTIONS):
        sold = isinstance(body, pb.AuctionSettled) and body.auction.settle_price > 0
        mine = sold and account_id in (body.auction.buyer_id, body.auction.seller_id)
        return {PUBLIC, account_stream(account_id)} if mine else {PUBLIC}
    if isinstance(body, pb.OrdersCancelled) and not body.orders:
        return set()
    return {account_stream(account_id)}
