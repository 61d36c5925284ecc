"""What can go wrong, a type for each. All of them are ExchangeError."""

from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.messages import Request


class ExchangeError(Exception):
    """Base of the errors of this package. Raised itself: act_as is on its way, or an unexpected reply came."""


class Refused(ExchangeError):
    """The exchange refused the request, and nothing happened.

    `code`: the contract's Reason (compare with exchange_pb2.INSUFFICIENT_FUNDS ...). `text`: a sentence for people.
    `retry_after`: seconds to wait where waiting helps, else 0.
    """

    def __init__(self, code: pb.Reason.ValueType, text: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason_name(code)}: {text}" if text else reason_name(code))
        self.code = code
        self.text = text
        self.retry_after = retry_after


class RateLimited(Refused):
    """Too many requests of this kind. One is accepted again in `retry_after` seconds."""


class Busy(Refused):
    """The exchange's queue is full, or its matcher is away for a moment. Try again in `retry_after` seconds."""


class ConnectionLost(ExchangeError):
    """There is no connection. The request was not sent."""


class OutcomeUnknown(ExchangeError):
    """The request was sent and no reply came: it may have happened.

    `await x.send(error.request)` sends it again with the same key, so it happens at most once.
    """

    def __init__(self, request: Request[Any], why: str) -> None:
        super().__init__(f"{type(request.body).__name__}: outcome unknown, {why}")
        self.request = request


class SlowConsumer(ExchangeError):
    """An iterator of updates was not read fast enough, and ended. Look at the state and start another."""


class TooManyPending(ExchangeError):
    """10,000 requests wait for their replies. This one was not sent."""


def reason_name(code: int) -> str:
    """The contract's name of a Reason; its number, if a newer exchange sends one that this client does not know."""
    return pb.Reason.Name(code) if code in pb.Reason.values() else f"reason {code}"  # type: ignore[arg-type]


def refusal(message: pb.Refused) -> Refused:
    """The error for a refusal."""
    kinds: dict[int, type[Refused]] = {pb.RATE_LIMITED: RateLimited, pb.BUSY: Busy}
    return kinds.get(message.code, Refused)(message.code, message.message, message.retry_after_ms / 1000)
