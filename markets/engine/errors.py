"""Refusals. A refusal is an answer: a stable code (rules, section 10) and a sentence with the numbers in it."""

from enum import IntEnum


class Reason(IntEnum):
    """Why a request was refused. The numbers are those of proto/exchange.proto; a test compares them."""

    INVALID_FRAME = 1
    NOT_AUTHENTICATED = 2
    RATE_LIMITED = 3
    BUSY = 4
    EXPIRED = 5
    OUTCOME_UNKNOWN = 6
    INTERNAL = 7
    QUARANTINED = 8
    KEY_CONFLICT = 9
    NOT_ALLOWED = 20
    SUDO_REQUIRED = 21  # the answer to anybody but an operator becomes NOT_ALLOWED
    ACCOUNT_NOT_FOUND = 22
    INVALID_NAME = 30
    NAME_TAKEN = 31
    INVALID_TEXT = 32
    INVALID_AMOUNT = 40
    INSUFFICIENT_FUNDS = 41
    INSUFFICIENT_CREDIT = 42
    SHARED_ACCOUNT_NOT_FLAT = 43
    ISSUE_LIMIT = 44
    SAME_ACCOUNT = 45
    TOO_MANY_ACCOUNTS = 46
    ALREADY_OWNER = 47
    NOT_A_USER = 48
    CREDIT_REMAINS = 49
    MARKET_NOT_FOUND = 60
    INVALID_MARKET = 61
    MARKET_PAUSED = 62
    MARKET_CLOSED = 63
    MARKET_SETTLED = 64
    SETTLER_HAS_POSITION = 65
    TOO_MANY_MARKETS = 66
    INVALID_ORDER = 80
    INVALID_PRICE = 81
    INVALID_SIZE = 82
    TOO_MANY_ORDERS = 83
    POSITION_LIMIT = 84
    POST_ONLY_WOULD_TRADE = 85
    FOK_NOT_FILLABLE = 86
    ORDER_NOT_FOUND = 87
    ORDER_FILLED = 88
    ORDER_CANCELLED = 89
    AUCTION_NOT_FOUND = 100
    AUCTION_SETTLED = 101
    PRICE_CHANGED = 102
    NO_PRICE = 103
    SAME_PERSON = 104


class Rejected(Exception):
    """The command is refused and nothing has changed.

    `reason` is the code, `message` a sentence for people. `retry_after_ms` (milliseconds) says when to try again; 0 if
    waiting does not help.
    """

    def __init__(self, reason: Reason, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(f"{reason.name}: {message}")
        self.reason = reason
        self.message = message
        self.retry_after_ms = retry_after_ms


class Repeated(Exception):
    """The command repeats the accepted command `seq`; nothing has changed and the first answer counts.

    With `same_body` the caller still has to compare the two bodies and refuse another one (KEY_CONFLICT). It is False
    where the body does not matter: a person has one user account, whatever name the second request carries.
    """

    def __init__(self, seq: int, same_body: bool = True) -> None:
        super().__init__(f"repeats command {seq}")
        self.seq = seq
        self.same_body = same_body
