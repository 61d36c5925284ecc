"""Subscriptions: which sockets of this process follow which streams, and how the matcher's access changes alter that.

Access changes come with control messages and beats (messages.py). The hub applies them before it passes on any later
message.
"""

from collections.abc import Callable, Iterable, Mapping

from proto import exchange_pb2 as wire
from realtime.errors import CloseCode, RequestFailed
from realtime.frames import encoded
from realtime.groups import (
    ACCOUNT,
    HUBS,
    MARKET,
    SUMMARY,
    UNMASKED,
    group_of,
    named,
    stream_of_account,
    stream_of_market,
)
from realtime.messages import Entitlement, Reach, VisibilityChange
from realtime.sockets import Person, Socket
from realtime.streams import Stream


class Subscriptions:
    """The streams that somebody here follows. `check_stream` is called with the name of a stream that is new,
    abandoned, or waits for a resync."""

    def __init__(self, people: Mapping[int, Person], check_stream: Callable[[str], None]) -> None:
        self.streams: dict[str, Stream] = {}
        self._people = people
        self._check_stream = check_stream

    def join(self, socket: Socket, name: str, seq: int) -> None:
        """Makes the socket follow the stream. It already has a snapshot or replay up to `seq`."""
        stream = self.streams.get(name)
        if stream is None:
            # Messages may have been sent after the snapshot and before we join the group. HUBS is joined already.
            stream = self.streams[name] = Stream(name, waiting=group_of(name) != HUBS)
        stream.remove(socket)  # its new snapshot replaces its old position
        stream.add(socket, seq)
        socket.streams.add(name)
        socket.left.difference_update(forms_of(name))
        self.check(stream)

    def leave(self, socket: Socket, name: str) -> None:
        """Makes the socket no longer follow the stream."""
        socket.streams.discard(name)
        if (stream := self.streams.get(name)) is not None:
            stream.remove(socket)
            if not len(stream):
                del self.streams[name]
                self.check(stream)

    def end(self, socket: Socket, names: list[str]) -> None:
        """Makes the socket leave streams that it may no longer follow, and sends it Unsubscribed."""
        for name in names:
            self.leave(socket, name)
        if names:
            socket.push(_unsubscribed(names))

    def check(self, stream: Stream) -> None:
        """Calls `check_stream` if the stream is waiting or has no readers."""
        if stream.waiting or not len(stream):
            self._check_stream(stream.name)

    def apply_reach(self, reach: Reach) -> None:
        """Ends the account streams that the person may no longer follow. A socket that acted as an account that is no
        longer theirs acts as the person's own account again. If its token is bound to such an account, it is closed."""
        person = self._people.get(reach["user"])
        for socket in [socket for socket in person.sockets if socket.ready] if person else ():
            acting = stream_of_account(socket.account)
            allowed = {*reach["streams"], acting} if socket.sudo else set(reach["streams"])
            self.end(socket, [name for name in socket.streams if name.startswith(ACCOUNT) and name not in allowed])
            if acting not in allowed and socket.rights.bound:
                sign_off(socket)
            elif acting not in allowed:
                socket.account = reach["account"]
                socket.push(reach["acting_as"])

    def apply_visibility(self, socket: Socket, change: VisibilityChange) -> None:
        """Ends the streams of the market that the socket may no longer follow, and starts those that it wants and may
        follow. A stream that starts, or that now shows or hides account ids, begins with a snapshot from a resync."""
        if not socket.ready or socket.person is None:
            return
        bound, plain, summary = socket.rights.bound, change["book"], change["summary"]
        listed = bound in change["accounts"] if bound else socket.person.user in (change["users"] or ())
        may = socket.sudo or change["users"] is None or listed
        book = change["sudo_book"] if socket.sudo else plain
        books = {name for name in (plain, stream_of_market(named(plain).id, UNMASKED)) if name in socket.streams}
        wanted = set()
        if may and (books or (socket.all_markets and book not in socket.left)):
            wanted.add(book)
        if may and (summary in socket.streams or (socket.all_summaries and summary not in socket.left)):
            wanted.add(summary)
        self.end(socket, [name for name in (*books, summary) if name in socket.streams and name not in wanted])
        for name in wanted:
            follows = name in socket.streams
            if not follows or (change["restart"] and name == book and self.streams[name].seq < change["seq"]):
                self._join_anew(socket, name)

    def apply_entitlement(self, entitlement: Entitlement) -> None:
        """Makes the sockets that want the stream follow it, unless they already do or have unsubscribed from it."""
        stream, users = entitlement["stream"], entitlement["users"]
        people = self._people.values() if users is None else [self._people[u] for u in users if u in self._people]
        summary = named(stream).form == SUMMARY
        for socket in [socket for person in people for socket in person.sockets]:
            follows_all = socket.all_summaries if summary else socket.all_markets
            wanted = follows_all if users is None else not socket.rights.bound
            if socket.ready and wanted and stream not in socket.streams and stream not in socket.left:
                if entitlement["frames"]:
                    socket.catch_up(entitlement["frames"])
                    self.join(socket, stream, entitlement["seq"])
                else:
                    self._join_anew(socket, stream)

    def _join_anew(self, socket: Socket, name: str) -> None:
        """Makes the socket follow the stream, beginning with a snapshot from a resync."""
        self.join(socket, name, 0)
        self.streams[name].waiting = True
        self.check(self.streams[name])


def forms_of(name: str) -> set[str]:
    """Returns the names of the same stream with and without account ids."""
    kind, id, form = named(name)
    if kind == MARKET and form != SUMMARY:
        return {stream_of_market(id), stream_of_market(id, UNMASKED)}
    return {name}


def sign_off(socket: Socket) -> None:
    """Closes the socket, because its credential is no longer valid."""
    socket.push(encoded(RequestFailed(wire.NOT_AUTHENTICATED, "You have been signed out.").reply("")))
    socket.close(CloseCode.NOT_AUTHENTICATED)


def _unsubscribed(names: Iterable[str]) -> bytes:
    return encoded(wire.ServerMessage(unsubscribed=wire.Unsubscribed(streams=sorted(names))))
