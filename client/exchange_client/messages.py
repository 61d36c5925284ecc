"""A request on its way to the exchange, and the reply to it."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from google.protobuf.message import Message

from exchange_client import exchange_pb2 as pb

A = TypeVar("A", bound=Message, covariant=True)

# They have no key, and sending them twice does the same as once.
HISTORIES = (pb.GetFullTradeHistory, pb.GetFullOrderHistory, pb.GetMarketPositions)
REPEATABLE = (pb.ActAs, pb.SetSudo, pb.Subscribe, pb.Unsubscribe, pb.CreateUserAccount, *HISTORIES)
FIELD_OF: dict[object, str] = {
    member.message_type: member.name for member in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields
}


@dataclass(frozen=True, slots=True)
class Request(Generic[A]):
    """A message for the exchange, and the type of the reply to it."""

    body: Message
    answer: type[A]

    @classmethod
    def of(cls, body: Message, answer: type[A]) -> "Request[A]":
        """Any message of the contract, in whole units: Request.of(pb.Out(market_id=1), pb.OrdersCancelled).

        Sets the key, if the message has a field for it that is empty.
        """
        name = key_field(body)
        if name is not None and not getattr(body, name):
            setattr(body, name, new_key())
        return cls(body, answer)

    @property
    def key(self) -> str:
        """The idempotency key; "": it has none."""
        name = key_field(self.body)
        return str(getattr(self.body, name)) if name else ""

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does it once."""
        return bool(self.key) or isinstance(self.body, REPEATABLE)

    def message(self, request_id: str) -> pb.ClientMessage:
        fields: dict[str, Any] = {FIELD_OF[self.body.DESCRIPTOR]: self.body}
        return pb.ClientMessage(request_id=request_id, **fields)


@dataclass(frozen=True, slots=True)
class Reply(Generic[A]):
    """What the exchange answered. `body`: the contract's message. `seq`: the command's number in the journal.

    Times are UTC microseconds. `received_us`: the exchange read the request; `sequenced_us`: it was its turn;
    `committed_us`: it was on the disk. `replayed`: the key was used before, and this is the first reply again.
    """

    body: A
    seq: int
    received_us: int
    sequenced_us: int
    committed_us: int
    replayed: bool


def new_key() -> str:
    return uuid4().hex


def key_field(body: Message) -> str | None:
    """An order's key is its client_order_id; a cancel's client_order_id names the order instead."""
    if isinstance(body, pb.CreateOrder):
        return "client_order_id"
    return "key" if "key" in body.DESCRIPTOR.fields_by_name else None
