"""The messages between the hubs and the matcher: every kind that travels on the channel layer, and how it is built.

A message is a dict with a "type": Channels passes on nothing else. Each kind is a TypedDict here, and the function
below it is the only place that builds one (tests/tidy/test_messages.py).

Within one process a message is handed over as the object that it is (layers.py), so nobody changes one that was sent.
Between processes it travels through Redis as msgpack, which makes lists of tuples: take those apart by position.

Times are UTC microseconds since 1970. A `seq` is the number of an accepted command in the journal. Frames are encoded
ServerFrames, unless they are said to be a client's. Streams, channels and groups go by their names (groups.py).
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypedDict, cast

from channels.layers import BaseChannelLayer

from realtime.limits import RateClass
from realtime.rights import Rights

# --- Parts of messages


class Request(TypedDict):
    """A client's frame and who sent it: the common part of command, session and history messages."""

    origin: str  # who sent it: a socket, or whoever asks on behalf of a page
    number: int  # of the message, counted by its origin: a number that the matcher has seen is dropped
    reply: str  # the channel that the reply goes to; the reply names origin and number
    user: int  # id of the person who signed in, never read from the frame
    account: int  # acted as; 0: the person's own
    sudo: bool
    rights: Rights  # a list over Redis
    received_us: int  # when the frame arrived
    count: int  # ClientMessages in `data`
    data: bytes  # an encoded ClientFrame


class SocketSubscriptions(TypedDict):
    """What a socket follows. The matcher knows no sockets, so a session message tells it."""

    streams: list[str]
    left: list[str]  # streams that the client has unsubscribed from
    all_markets: bool  # the books of all markets, new ones included
    all_summaries: bool  # the summaries of all markets, new ones included


class SocketControl(TypedDict, total=False):
    """What the hub changes about a socket when it passes on the reply. What is left out stays as it is."""

    account: int  # acted as
    sudo: bool
    all_markets: bool
    all_summaries: bool
    join: dict[str, int]  # streams that begin, each with the seq of the snapshot or replay among the reply's frames
    leave: list[str]  # streams that end because the client unsubscribed
    only: list[str]  # all streams that the socket may still follow: the others end, and the client is told
    unless_sudo: list[bytes]  # frames in place of the reply's if the socket no longer has sudo
    close: int  # the socket ends with this code


# origin, number, frames, control. The control is None if the reply changes nothing about the socket: a command's reply,
# or a refusal.
Reply = tuple[str, int, list[bytes], SocketControl | None]

StreamItem = tuple[str, int, int, bytes]  # stream, prev_seq, seq, frame


class Reach(TypedDict):
    """The accounts that a person may act as has changed; this is what holds now."""

    user: int
    account: int  # the person's own
    streams: list[str]  # of all accounts that they may act as
    acting_as: bytes  # frame for sockets that have to act as the person's own account again


class VisibilityChange(TypedDict):
    """Who may see a market has changed, or its account ids are hidden or shown; this is what holds now."""

    seq: int
    restart: bool  # who follows the book already gets a new snapshot of it
    book: str  # the stream of the book
    sudo_book: str  # the same for sockets in sudo: with account ids, if the market hides them
    summary: str  # the stream of its summaries
    users: list[int] | None  # who may see it; None: everybody
    accounts: list[int]  # through which accounts; a socket that is bound to one account needs that


class Entitlement(TypedDict):
    """A stream that open sockets may follow from now on, and could not know of when they subscribed."""

    stream: str
    seq: int
    frames: list[bytes]  # a snapshot at `seq`; empty: the hub asks for one if somebody here follows the stream
    users: list[int] | None  # None: everybody who follows all markets, or all summaries


class AccessChanges(TypedDict):
    """What open sockets may follow from now on, and what no longer."""

    reaches: Sequence[Reach]
    visibilities: Sequence[VisibilityChange]
    entitlements: Sequence[Entitlement]


# --- To the matcher


class CommandMessage(Request):
    """Commands of one frame. The reply follows the commit."""

    type: Literal["command"]
    limits: bool  # the reply tells what is left of the person's rates
    as_of: int | None  # see DrawMessage


def command_message(request: Request, *, limits: bool = False, as_of: int | None = None) -> CommandMessage:
    return {"type": "command", "limits": limits, "as_of": as_of, **request}


class SessionMessage(Request):
    """One request about the connection: to sign in, act as an account, turn sudo on or off, subscribe, unsubscribe."""

    type: Literal["session"]
    subscriptions: SocketSubscriptions


def session_message(request: Request, subscriptions: SocketSubscriptions) -> SessionMessage:
    return {"type": "session", "subscriptions": subscriptions, **request}


class HistoryMessage(Request):
    """One request for a history. The reply comes when it has been read, behind those of later commands."""

    type: Literal["history"]


def history_message(request: Request) -> HistoryMessage:
    return {"type": "history", **request}


class ResyncMessage(TypedDict):
    """A hub has missed something. The matcher answers with a ResyncedMessage for each stream."""

    type: Literal["resync"]
    reply: str  # the hub's channel
    streams: dict[str, int]  # with the seq up to which the hub has everything


def resync_message(reply: str, streams: dict[str, int]) -> ResyncMessage:
    return {"type": "resync", "reply": reply, "streams": streams}


class ChargeMessage(TypedDict):
    """Takes from a person's rates for what a hub has refused by itself. Nobody answers."""

    type: Literal["charge"]
    user: int
    sudo: bool
    rate_class: RateClass
    cost: int  # tokens


def charge_message(user: int, sudo: bool, rate_class: RateClass, cost: int) -> ChargeMessage:
    return {"type": "charge", "user": user, "sudo": sudo, "rate_class": rate_class, "cost": cost}


class DrawMessage(TypedDict):
    """Takes from a person's rates for work that needs no matcher, such as a page. Answered at once: with what is left,
    or with a refusal.

    `as_of` says that the sender remembers the credential, and the count of revocations when it was looked up. If the
    matcher's count differs, it does nothing and answers without a frame. None: the credential was looked up just now.
    """

    type: Literal["draw"]
    origin: str
    number: int
    reply: str
    user: int
    sudo: bool
    rate_class: RateClass
    cost: int  # tokens
    as_of: int | None


def draw_message(
    *,
    origin: str,
    number: int,
    reply: str,
    user: int,
    sudo: bool,
    rate_class: RateClass,
    cost: int,
    as_of: int | None,
) -> DrawMessage:
    return {
        "type": "draw",
        "origin": origin,
        "number": number,
        "reply": reply,
        "user": user,
        "sudo": sudo,
        "rate_class": rate_class,
        "cost": cost,
        "as_of": as_of,
    }


class RevokedMessage(TypedDict):
    """A credential, or what it is good for, has changed in the database. Answered at once. From then on the matcher
    refuses requests of processes that remember what was before."""

    type: Literal["revoked"]
    origin: str
    number: int
    reply: str


def revoked_message(*, origin: str, number: int, reply: str) -> RevokedMessage:
    return {"type": "revoked", "origin": origin, "number": number, "reply": reply}


# --- From the matcher


class StreamMessage(TypedDict):
    """A message of a stream that has a group of its own: a market's book, or public."""

    type: Literal["stream"]
    stream: str
    prev_seq: int  # the seq of the stream's message before this one
    seq: int
    data: bytes  # frame; begins with its StreamPosition


def stream_message(stream: str, prev_seq: int, seq: int, data: bytes) -> StreamMessage:
    return {"type": "stream", "stream": stream, "prev_seq": prev_seq, "seq": seq, "data": data}


class PrivateMessage(TypedDict):
    """Messages of streams that share the group of all hubs: accounts' streams and summaries. One for each batch."""

    type: Literal["private"]
    items: list[StreamItem]


def private_message(items: list[StreamItem]) -> PrivateMessage:
    return {"type": "private", "items": items}


class RepliesMessage(TypedDict):
    """All replies of a batch to one process."""

    type: Literal["replies"]
    items: list[Reply]


def replies_message(items: list[Reply]) -> RepliesMessage:
    return {"type": "replies", "items": items}


class ResyncedMessage(TypedDict):
    """What a hub has missed of a stream."""

    type: Literal["resynced"]
    stream: str
    seq: int  # the frames lead up to it
    replace: bool  # the frames are a snapshot; else they are what came after the seq that the hub named
    frames: list[bytes]


def resynced_message(stream: str, seq: int, replace: bool, frames: list[bytes]) -> ResyncedMessage:
    return {"type": "resynced", "stream": stream, "seq": seq, "replace": replace, "frames": frames}


class ControlMessage(AccessChanges):
    """Hubs obey it before they pass on anything that comes later."""

    type: Literal["control"]


def control_message(
    *,
    reaches: Sequence[Reach] = (),
    visibilities: Sequence[VisibilityChange] = (),
    entitlements: Sequence[Entitlement] = (),
) -> ControlMessage:
    return {"type": "control", "reaches": reaches, "visibilities": visibilities, "entitlements": entitlements}


class BeatMessage(AccessChanges):
    """The matcher is alive; comes every second. It repeats the access changes of the last beats, because a layer may
    lose a ControlMessage."""

    type: Literal["beat"]
    epoch: int  # when the matcher was started; another epoch is another matcher
    head: int  # the seq up to which everything has been published
    streams: dict[str, int]  # that published lately, with the seq of the last message
    revocations: int  # so many, counted from a number of this epoch (DrawMessage)


def beat_message(
    epoch: int, head: int, streams: dict[str, int], revocations: int, access: AccessChanges
) -> BeatMessage:
    return {"type": "beat", "epoch": epoch, "head": head, "streams": streams, "revocations": revocations, **access}


class DrainedMessage(TypedDict):
    """A hub sends it to itself when it stops: what the layer held for it came before."""

    type: Literal["drained"]


def drained_message() -> DrainedMessage:
    return {"type": "drained"}


# --- On the layer

RequestMessage = CommandMessage | SessionMessage | HistoryMessage
ToMatcher = RequestMessage | ResyncMessage | ChargeMessage | DrawMessage | RevokedMessage
ToHub = (
    StreamMessage | PrivateMessage | RepliesMessage | ResyncedMessage | ControlMessage | BeatMessage | DrainedMessage
)


class MessageLayer(Protocol):
    """A channel layer that carries these messages and no others."""

    async def send(self, channel: str, message: ToMatcher | ToHub) -> None: ...

    async def group_send(self, group: str, message: ToHub) -> None: ...

    async def receive(self, channel: str) -> ToHub: ...


def message_layer(layer: BaseChannelLayer) -> MessageLayer:
    """The same layer. Channels declares that messages are dict[str, Any]."""
    return cast(MessageLayer, layer)
