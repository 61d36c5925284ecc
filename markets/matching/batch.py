"""The parts of a batch: messages that the layer delivers once, frames of commands, and the places of their answers."""

import logging
from collections import OrderedDict
from typing import Any, NamedTuple

from markets.engine.commands import TRADING, Command, same_request
from markets.engine.errors import Reason, Rejected
from markets.engine.events import Event
from markets.wire.decoding import Asker, decode
from proto import exchange_pb2 as pb
from realtime.messages import CommandMessage, RequestMessage, ResyncMessage

logger = logging.getLogger(__name__)

ORIGINS_MAX = 100_000  # origins for which the last number is remembered
EXPIRES_US = 5_000_000  # a request that waited longer is refused, never executed

EXPIRED = Rejected(Reason.EXPIRED, f"The request waited over {EXPIRES_US // 1_000_000} s and was not executed.")


class Delivered:
    """Remembers what has been delivered: the layer may deliver late or twice."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()  # origin -> last number

    def has(self, message: RequestMessage | ResyncMessage) -> bool:
        """Whether the origin has sent this number or a later one before. Remembers the number."""
        if message["type"] == "resync":
            return False
        origin, number = message["origin"], message["number"]
        if number <= self._last.get(origin, -1):
            return True
        self._last[origin] = number
        self._last.move_to_end(origin)
        if len(self._last) > ORIGINS_MAX:
            self._last.popitem(last=False)
        return False


class Sought(NamedTuple):
    """The order that a refused cancel named: by its id, or by the seq of the command whose key was named. The other
    one is 0. `account` is the account acted as."""

    account: int
    order: int
    seq: int


class Slot:
    """The place of one answer. It holds a message that is ready, or the events from which the message is made."""

    __slots__ = ("command", "events", "message", "request_id", "same_body", "seq", "sought")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.message: pb.ServerMessage | None = None
        self.seq = 0
        self.events: list[Event] | None = None
        self.command: Command | None = None  # if set, it repeats the accepted command `seq`
        self.same_body = True
        self.sought: Sought | None = None  # set if it was refused for an order that is not open


class Frame(NamedTuple):
    """One message of commands, with the slots of their answers."""

    message: CommandMessage
    asker: Asker
    slots: list[Slot]


def check_repeat(command: Any, first: Any, seq: int) -> None:
    """Rejected if the first command with the key was another one, or was made in sudo that is off now.

    A trading command's answer needs no sudo.
    """
    if not same_request(command, first):
        raise Rejected(Reason.KEY_CONFLICT, f"The key {command.key} was used for another command, in entry {seq}.")
    if first.sudo and not command.sudo and not isinstance(command, TRADING):
        raise Rejected(Reason.SUDO_REQUIRED, f"Entry {seq} was made in sudo. Turn sudo on to get its answer again.")


def count_of(message: RequestMessage | ResyncMessage) -> int:
    """How many commands the message counts as. A resync counts as one."""
    return 1 if message["type"] == "resync" else message["count"]


def parsed(message: RequestMessage) -> pb.ClientFrame:
    return pb.ClientFrame.FromString(message["data"])


def decoded(kind: str, request: pb.ClientMessage, asker: Asker) -> Command:
    """The command that the message asks for. Rejected as by decode(), and INTERNAL if decoding fails otherwise."""
    try:
        return decode(kind, request, asker)
    except Rejected:
        raise
    except Exception:
        logger.exception("could not decode a message of user %s", asker.user)
        raise Rejected(Reason.INTERNAL, "The exchange could not read this request. Nothing changed.") from None


def is_late(message: RequestMessage, now_us: int) -> bool:
    """Whether the request waited too long, and is to be refused with EXPIRED."""
    return now_us - message["received_us"] > EXPIRES_US
