"""The answer to a refused request: {code, message, field, details, request_id}. Sockets use the same codes."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions

from proto import exchange_pb2 as wire
from realtime.errors import RequestFailed

logger = logging.getLogger(__name__)

# The status of a refusal by its reason. Every other reason is REFUSED: the exchange's state does not allow the request.
STATUSES = {
    wire.INVALID_FRAME: 400,
    wire.NOT_AUTHENTICATED: 401,
    wire.NOT_ALLOWED: 403,
    wire.SUDO_REQUIRED: 403,
    wire.ACCOUNT_NOT_FOUND: 404,
    wire.MARKET_NOT_FOUND: 404,
    wire.ORDER_NOT_FOUND: 404,
    wire.AUCTION_NOT_FOUND: 404,
    wire.RATE_LIMITED: 429,
    wire.INTERNAL: 500,
    wire.BUSY: 503,
    wire.EXPIRED: 503,
    wire.OUTCOME_UNKNOWN: 504,
}
REFUSED = 409


class Refusal(Exception):
    """An error answer. `code` is the name of a Reason, `field` that of a field, a parameter or a header."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "details": self.details,
            "request_id": request_id,
        }


def unreadable(message: str, field: str | None = None, code: str = "INVALID_FRAME") -> Refusal:
    return Refusal(400, code, message, field)


def not_found(reason: "wire.Reason.ValueType", message: str) -> Refusal:
    return Refusal(404, wire.Reason.Name(reason), message)


def refusal_of(error: Exception) -> Refusal:
    """The refusal to send for an exception. An unexpected exception is logged and sent as INTERNAL."""
    match error:
        case Refusal():
            return error
        case RequestFailed():
            return _refused(error)
        case exceptions.ValidationError():
            return _invalid(error.detail)
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Refusal(401, "NOT_AUTHENTICATED", str(error.detail))
        case exceptions.PermissionDenied() | DjangoPermissionDenied():
            return Refusal(403, "NOT_ALLOWED", str(error) or "You may not do this.")
        case exceptions.APIException():  # a wrong method, media type or Accept header
            return Refusal(error.status_code, "INVALID_FRAME", str(error.detail))
        case Http404():
            return Refusal(404, "INVALID_FRAME", "There is nothing at this address.")
    logger.error("A request failed.", exc_info=error)
    return Refusal(500, "INTERNAL", "The server failed. The error was logged.")


def _refused(error: RequestFailed) -> Refusal:
    status = STATUSES.get(error.reason, REFUSED)
    wait_ms = error.retry_after_ms or (1_000 if status == 503 else 0)
    details = {"retry_after_ms": wait_ms} if wait_ms else {}
    headers = {"Retry-After": str(-(-wait_ms // 1_000))} if wait_ms else {}
    return Refusal(status, wire.Reason.Name(error.reason), error.message, details=details, headers=headers)


def _invalid(detail: Any) -> Refusal:
    """Names the first fault as `field`, and all of them in the details."""
    faults = dict(_faults(detail))
    field, (message, code) = next(iter(faults.items()))
    named = code if code in wire.Reason.keys() else "INVALID_FRAME"  # noqa: SIM118 - no dict
    details = {name: text for name, (text, _) in faults.items() if name}
    return Refusal(400, named, message, field or None, details)


def _faults(detail: Any, path: str = "") -> list[tuple[str, tuple[str, str]]]:
    """(field, (sentence, code)) for each fault that a serializer found."""
    if isinstance(detail, Mapping):
        return [
            fault
            for name, inner in detail.items()
            for fault in _faults(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
        ]
    if isinstance(detail, list):
        return [fault for inner in detail for fault in _faults(inner, path)][:1]
    return [(path, (str(detail), str(getattr(detail, "code", ""))))]
