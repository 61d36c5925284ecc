"""Requests that wait for their replies, through as many connections as that takes."""

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Any

from exchange_client import exchange_pb2 as pb
from exchange_client.errors import ExchangeError, OutcomeUnknown, TooManyPending, refusal
from exchange_client.messages import Reply, Request

PENDING_MAX = 10_000  # requests
TRIES = 4  # times that a request is sent at most


@dataclass(slots=True)
class Ticket:
    request: Request[Any]
    account_id: int  # acted as: a key counts for its account only
    answer: asyncio.Future[Reply[Any]]
    deadline: asyncio.TimerHandle
    tries: int = 1


class Pending:
    """By request id. Each ends with a Reply, with Refused, or after `timeout` seconds with OutcomeUnknown."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._tickets: dict[str, Ticket] = {}
        self._ids = map(str, count(1))

    def __len__(self) -> int:
        return len(self._tickets)

    def room_for(self, requests: int) -> None:
        """Raises TooManyPending if there is no room for so many more."""
        if len(self) + requests > PENDING_MAX:
            raise TooManyPending(f"{len(self)} requests wait for replies already")

    def next_id(self) -> str:
        return next(self._ids)

    def add(self, request_id: str, request: Request[Any], account_id: int) -> asyncio.Future[Reply[Any]]:
        """`account_id`: the account acted as. Returns the future reply."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Reply[Any]] = loop.create_future()
        deadline = loop.call_later(self._timeout, self._give_up, request_id, f"no reply in {self._timeout:g} s")
        self._tickets[request_id] = Ticket(request, account_id, answer, deadline)
        return answer

    def answer(self, message: pb.ServerMessage) -> Request[Any] | None:
        """A reply came. Returns its request if it was carried out; None if it was refused or nobody waits for it."""
        ticket = self._take(message.request_id)
        if ticket is None:
            return None
        body = getattr(message, message.WhichOneof("message") or "refused")
        if not isinstance(body, ticket.request.answer):
            ticket.answer.set_exception(_error(ticket.request, body))
            return None
        ticket.answer.set_result(
            Reply(body, message.seq, message.received_us, message.sequenced_us, message.committed_us, message.replayed)
        )
        return ticket.request

    def disconnected(self) -> None:
        """Ends the requests that could happen twice if they were sent again."""
        for request_id, ticket in list(self._tickets.items()):
            if not ticket.request.repeatable:
                self._give_up(request_id, "the connection was lost")

    def to_repeat(self, account_id: int) -> list[pb.ClientMessage]:
        """The requests that a new connection sends again, in their order. It acts as this account."""
        again = []
        for request_id, ticket in list(self._tickets.items()):
            if ticket.answer.done():  # the caller cancelled it
                self._take(request_id)
            elif ticket.tries >= TRIES:
                self._give_up(request_id, f"sent {TRIES} times without a reply")
            elif ticket.account_id != account_id:
                self._give_up(request_id, "the connection was lost and another account is acted as")
            else:
                ticket.tries += 1
                again.append(ticket.request.message(request_id))
        return again

    def give_up(self, why: str) -> None:
        """The session is over. Whoever awaits a reply gets OutcomeUnknown; asyncio is silent about the others."""
        for request_id, ticket in list(self._tickets.items()):
            self._give_up(request_id, why)
            if not ticket.answer.cancelled():
                ticket.answer.exception()

    def _give_up(self, request_id: str, why: str) -> None:
        if ticket := self._take(request_id):
            ticket.answer.set_exception(OutcomeUnknown(ticket.request, why))

    def _take(self, request_id: str) -> Ticket | None:
        ticket = self._tickets.pop(request_id, None)
        if ticket is None:
            return None
        ticket.deadline.cancel()
        return None if ticket.answer.done() else ticket


def _error(request: Request[Any], body: object) -> ExchangeError:
    if not isinstance(body, pb.Refused):
        return ExchangeError(f"{type(request.body).__name__} was answered with {type(body).__name__}")
    if body.code == pb.OUTCOME_UNKNOWN:
        return OutcomeUnknown(request, body.message)
    return refusal(body)
