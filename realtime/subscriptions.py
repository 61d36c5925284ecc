"""Which sockets of this process follow which streams, and what the matcher's access changes do to that.

Access changes come with control messages and beats (messages.py). The hub applies them before it passes on anything
that comes later.
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
    """`open` is called with the name of a stream that is new, abandoned, or waits for a resync."""

    def __init__(self, people: Mapping[int, Person], open: Callable[[str], None]) -> None:
        self.streams: dict[str, Stream] = {}
        self._people = people
        self._open = open

    def join(self, socket: Socket, name: str, seq: int) -> None:
        """The socket follows the stream. It has a snapshot, or a replay, up to `seq`."""
        stream = self.streams.get(name)
        if stream is None:
            # Messages may have passed between the snapshot and joining the group, unless that is joined already.
            stream = self.streams[name] = Stream(name, waiting=group_of(name) != HUBS)
        stream.remove(socket)  # with a new snapshot it stands there
        stream.add(socket, seq)
        socket.streams.add(name)
        socket.left.difference_update(forms_of(name))
        self.look_at(stream)

    def leave(self, socket: Socket, name: str) -> None:
        """The socket no longer follows the stream."""
        socket.streams.discard(name)
        if (stream := self.streams.get(name)) is not None:
            stream.remove(socket)
            if not len(stream):
                del self.streams[name]
                self.look_at(stream)

    def end(self, socket: Socket, names: list[str]) -> None:
        """The socket may not follow these streams any more: it leaves them, and the client is told."""
        for name in names:
            self.leave(socket, name)
        if names:
            socket.push(_unsubscribed(names))

    def look_at(self, stream: Stream) -> None:
        if stream.waiting or not len(stream):
            self._open(stream.name)

    def apply_reach(self, reach: Reach) -> None:
        """Ends the account streams that the person may not follow any more. Sockets that acted as an account that is
        no longer theirs act as the person's own again; those whose token is bound to such an account are closed."""
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
        """Ends what the socket may no longer see of the market, and begins what it wants and may see. What begins, or
        shows other account ids than before, starts with a snapshot: the stream asks for it."""
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
        """Sockets that want the stream begin to follow it, unless they do already or have unsubscribed from it."""
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
        """The stream asks for a snapshot, with which the socket begins."""
        self.join(socket, name, 0)
        self.streams[name].waiting = True
        self.look_at(self.streams[name])


def forms_of(name: str) -> set[str]:
    """The names of the same stream with and without account ids."""
    kind, id, form = named(name)
    if kind == MARKET and form != SUMMARY:
        return {stream_of_market(id), stream_of_market(id, UNMASKED)}
    return {name}


def sign_off(socket: Socket) -> None:
    """Its credential is no longer good."""
    socket.push(encoded(RequestFailed(wire.NOT_AUTHENTICATED, "You have been signed out.").reply("")))
    socket.close(CloseCode.NOT_AUTHENTICATED)


def _unsubscribed(names: Iterable[str]) -> bytes:
    return encoded(wire.ServerMessage(unsubscribed=wire.Unsubscribed(streams=sorted(names))))
