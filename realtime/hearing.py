"""Which sockets of this process hear which streams, and what changes when the matcher says so.

Rights come with the matcher's control messages: reaches (whose accounts are whose), sights (who sees a market, and with
which eyes), grants (streams that open sockets could not know of). They are obeyed before anything that comes later.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

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
from realtime.sockets import Person, Socket
from realtime.streams import Stream


class Hearing:
    """`open` is called with the name of a stream that is new, abandoned, or waits for a resync."""

    def __init__(self, people: Mapping[int, Person], open: Callable[[str], None]) -> None:
        self.streams: dict[str, Stream] = {}
        self._people = people
        self._open = open

    def join(self, socket: Socket, name: str, seq: int) -> None:
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
        socket.streams.discard(name)
        if (stream := self.streams.get(name)) is not None:
            stream.remove(socket)
            if not len(stream):
                del self.streams[name]
                self.look_at(stream)

    def look_at(self, stream: Stream) -> None:
        if stream.waiting or not len(stream):
            self._open(stream.name)

    def confine(self, reach: dict[str, Any]) -> None:
        """A person may act as other accounts than before: what is no longer theirs falls silent, and who acted as such
        an account acts as themselves again."""
        person = self._people.get(reach["user"])
        for socket in [socket for socket in person.sockets if socket.ready] if person else ():
            acting = stream_of_account(socket.account)
            may_hear = {*reach["streams"], acting} if socket.sudo else set(reach["streams"])
            self.lose(socket, [name for name in socket.streams if name.startswith(ACCOUNT) and name not in may_hear])
            if acting not in may_hear and socket.rights.bound:
                sign_off(socket)
            elif acting not in may_hear:
                socket.account = reach["account"]
                socket.push(reach["acting_as"])

    def show(self, socket: Socket, sight: dict[str, Any]) -> None:
        """Other people may see a market than before, or with other eyes. The socket hears of it what it may; what it
        hears in another way now begins with a snapshot, for which the stream asks."""
        if not socket.ready or socket.person is None:
            return
        bound, plain, summary = socket.rights.bound, sight["plain"], sight["summary"]
        listed = bound in sight["accounts"] if bound else socket.person.user in (sight["users"] or ())
        may = socket.sudo or sight["users"] is None or listed
        book = sight["sudo"] if socket.sudo else plain
        books = {name for name in (plain, stream_of_market(named(plain).id, UNMASKED)) if name in socket.streams}
        wanted = set()
        if may and (books or (socket.all_markets and book not in socket.left)):
            wanted.add(book)
        if may and (summary in socket.streams or (socket.all_summaries and summary not in socket.left)):
            wanted.add(summary)
        self.lose(socket, [name for name in (*books, summary) if name in socket.streams and name not in wanted])
        for name in wanted:
            known = name in socket.streams
            if not known or (sight["again"] and name == book and self.streams[name].seq < sight["seq"]):
                self._join_anew(socket, name)

    def _join_anew(self, socket: Socket, name: str) -> None:
        """It begins with a snapshot, for which the stream asks."""
        self.join(socket, name, 0)
        self.streams[name].waiting = True
        self.look_at(self.streams[name])

    def lose(self, socket: Socket, names: list[str]) -> None:
        for name in names:
            self.leave(socket, name)
        if names:
            socket.push(_unsubscribed(names))

    def grant(self, grant: dict[str, Any]) -> None:
        """Open sockets begin to hear a stream that they could not know of when they subscribed."""
        stream, users = grant["stream"], grant["users"]
        people = self._people.values() if users is None else [self._people[u] for u in users if u in self._people]
        everything = "all_summaries" if named(stream).form == SUMMARY else "all_markets"
        for socket in [socket for person in people for socket in person.sockets]:
            wanted = getattr(socket, everything) if users is None else not socket.rights.bound
            if socket.ready and wanted and stream not in socket.streams and stream not in socket.left:
                if grant["frames"]:
                    socket.catch_up(grant["frames"])
                    self.join(socket, stream, grant["seq"])
                else:
                    self._join_anew(socket, stream)


def forms_of(name: str) -> set[str]:
    """The names under which the same is heard, with and without account ids."""
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
