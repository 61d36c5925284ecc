"""What can go wrong, each as a type of its own. All of them are ExchangeError."""

from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.messages import Request


class ExchangeError(Exception):
    """Base of everything that this package raises about the exchange."""


class Refused(ExchangeError):
    """The exchange said no, and nothing happened.

    `code` is the contract's Reason (compare with exchange_pb2.INSUFFICIENT_FUNDS ...), `text` a sentence for people,
    `retry_after` seconds to wait where waiting helps, else 0.
    """

    def __init__(self, code: pb.Reason.ValueType, text: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason_name(code)}: {text}" if text else reason_name(code))
        self.code = code
        self.text = text
        self.retry_after = retry_after


class RateLimited(Refused):
    """Too many commands of this kind; `retry_after` seconds from now there is room again."""


class Busy(Refused):
    """The exchange's own queue is full, or its matcher is away for a moment."""


class ConnectionLost(ExchangeError):
    """There is no connection. A request that raises this was not sent."""


class OutcomeUnknown(ExchangeError):
    """The request was sent and no answer came: it may have happened.

    `await x.send(error.request)` asks again with the same key, which does it at most once.
    """

    def __init__(self, request: Request[Any], why: str) -> None:
        super().__init__(f"{type(request.body).__name__}: outcome unknown, {why}")
        self.request = request


class SlowConsumer(ExchangeError):
    """An iterator of updates was not read fast enough; its queue was given up. Read the state and start another."""


class TooManyPending(ExchangeError):
    """More requests wait for their answers than the client keeps. This one was not sent."""


def reason_name(code: int) -> str:
    """The contract's name of a Reason; the number, if a newer exchange says something this client does not know."""
    return pb.Reason.Name(code) if code in pb.Reason.values() else f"reason {code}"  # type: ignore[arg-type]


def refusal(message: pb.Refused) -> Refused:
    kinds: dict[int, type[Refused]] = {pb.RATE_LIMITED: RateLimited, pb.BUSY: Busy}
    return kinds.get(message.code, Refused)(message.code, message.message, message.retry_after_ms / 1000)
