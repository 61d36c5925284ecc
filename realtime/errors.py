"""RequestFailed, the only exception for a request that did not succeed, Outdated, and the codes that close a socket."""

from enum import IntEnum

from proto import exchange_pb2 as wire
from realtime import limits


class CloseCode(IntEnum):
    """Why we close a socket. docs/protocol.md defines those from 4000 on."""

    RESTART = 1012  # the client reconnects after a random 0 to 5 s
    NOT_AUTHENTICATED = 4001  # the client never signed in, or no longer is: logout, password change, revocation
    ORIGIN_REFUSED = 4003
    SLOW_READER = 4008
    TOO_MANY_SOCKETS = 4029


class RequestFailed(Exception):
    """The exchange refused, could not take, or did not answer a request in time (OUTCOME_UNKNOWN).

    `reason` is a number of the wire's Reason. `message` is a sentence for people. `retry_after_ms` is 0 unless waiting
    helps. `limits` is the bucket that was charged, if the caller asked for it and there was one.
    """

    def __init__(
        self,
        reason: "wire.Reason.ValueType",
        message: str,
        retry_after_ms: int = 0,
        limits: wire.Limits | None = None,
    ) -> None:
        super().__init__(f"{wire.Reason.Name(reason)}: {message}")
        self.reason = reason
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.limits = limits

    def reply(self, request_id: str) -> wire.ServerMessage:
        """Returns the message that refuses the request."""
        refused = wire.Refused(code=self.reason, message=self.message, retry_after_ms=self.retry_after_ms)
        return wire.ServerMessage(request_id=request_id, refused=refused)


class Outdated(Exception):
    """The matcher has heard of a revocation since the sender's credential was looked up. Nothing was done."""


def busy(message: str) -> RequestFailed:
    """The request was not taken; the sender may try again after BUSY_RETRY_MS."""
    return RequestFailed(wire.BUSY, message, limits.BUSY_RETRY_MS)


def outcome_unknown() -> RequestFailed:
    """The request may have been executed or not."""
    return RequestFailed(wire.OUTCOME_UNKNOWN, "No answer in time. Ask again with the same key.")
