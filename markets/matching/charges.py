"""Charges a person's buckets for work that is no command. Such a charge never waits in a batch."""

from markets.engine.errors import Rejected
from markets.wire import codec
from markets.wire.rates import Buckets
from proto import exchange_pb2 as pb
from realtime.messages import ChargeMessage, DrawMessage


def charge(rates: Buckets, message: ChargeMessage, now_us: int) -> None:
    """Charges for what a hub refused by itself, such as an unreadable frame. Too small a bucket is emptied."""
    rates.drain(message["user"], message["rate_class"], message["sudo"], now_us, message["cost"])


def draw(rates: Buckets, message: DrawMessage, now_us: int) -> pb.ServerMessage:
    """Charges for work done elsewhere, such as a page. Returns an empty answer or a refusal, each with what is left."""
    user, rate_class, sudo = message["user"], message["rate_class"], message["sudo"]
    answer = pb.ServerMessage()
    try:
        rates.charge(user, rate_class, sudo, now_us, message["cost"])
    except Rejected as rejected:
        answer = codec.refusal("", rejected)
    codec.write_limits(answer, rates.left(user, rate_class, sudo, now_us))
    return answer
