"""The one failure of a request, and the codes that close a socket."""

from enum import IntEnum

from proto import exchange_pb2 as wire
from realtime import limits


class CloseCode(IntEnum):
    """Why we close a socket. The 4xxx ones are ours (docs/protocol.md)."""

    RESTART = 1012  # come back after a jittered 0 to 5 s
    NOT_AUTHENTICATED = 4001  # never was, or is no longer: logout, password change, revocation
    ORIGIN_REFUSED = 4003
    SLOW_READER = 4008
    TOO_MANY_SOCKETS = 4029


class RequestFailed(Exception):
    """The exchange refused, could not take, or did not answer a request in time (OUTCOME_UNKNOWN).

    `reason` is a number of the wire's Reason, `message` a sentence for people, `retry_after_ms` 0 unless waiting helps,
    `limits` the bucket that was charged, if that was asked for and there was one.
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
        """What tells the asker."""
        refused = wire.Refused(code=self.reason, message=self.message, retry_after_ms=self.retry_after_ms)
        return wire.ServerMessage(request_id=request_id, refused=refused)


def busy(message: str) -> RequestFailed:
    return RequestFailed(wire.BUSY, message, limits.BUSY_RETRY_MS)


def outcome_unknown() -> RequestFailed:
    return RequestFailed(wire.OUTCOME_UNKNOWN, "No answer in time. Ask again with the same key.")
