"""Charges a person's buckets for work that is no command. Such a charge never waits in a batch."""

from markets.engine.errors import Rejected
from markets.matching.batch import Frame, parsed
from markets.wire import codec
from markets.wire.rates import Buckets
from markets.wire.requests import REQUESTS, class_of
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


def write_limits(rates: Buckets, answer: pb.ServerFrame, frame: Frame, now_us: int) -> None:
    """Writes into each answer what is left in the bucket that its request was charged to."""
    asker = frame.asker
    for request, message in zip(parsed(frame.message).messages, answer.messages):
        kind = request.WhichOneof("message")
        if kind in REQUESTS:  # anything else was charged to no bucket
            codec.write_limits(message, rates.left(asker.user, class_of(kind), asker.sudo, now_us))
