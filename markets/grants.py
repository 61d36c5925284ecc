"""What open sockets may hear from now on, or no longer: control messages that the hubs obey before anything later.

A layer may lose one, and no stream's numbers would show that: every beat repeats those of the last few.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from markets import audience
from markets.audience import Publication
from markets.engine.state import Changed
from markets.streams import SPOKE_BEATS, Streams, joined
from proto import exchange_pb2 as pb
from realtime.groups import stream_of_account, stream_of_market

Message = dict[str, Any]


class Grants:
    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._engine = streams.engine
        # Of the last beats. Whoever's reach changed: it as it is now, by user.
        self._reaches: deque[dict[int, Message]] = deque([{}], maxlen=SPOKE_BEATS)
        self._grants: deque[list[Message]] = deque([[]], maxlen=SPOKE_BEATS)
        self._changed_at: dict[int, int] = {}  # user -> the head of the journal when their reach changed last

    def changed_since(self, user: int, seq: int) -> bool:
        """Whether the person may act as other accounts than at `seq`, in this epoch."""
        return self._changed_at.get(user, 0) > seq

    def reaches(self, changed: Changed) -> list[Message]:
        """For everybody who may act as other accounts than before: their streams. To be sent before what the batch
        says on streams, so that who lost an account hears nothing more of it."""
        for user in changed.reach:
            reach = self._reach(user)
            for beat in self._reaches:
                beat.pop(user, None)
            self._reaches[-1][user] = reach
            self._changed_at[user] = self._engine.seq
            self._take_back(user, reach["streams"])
        return [self._reaches[-1][user] for user in changed.reach]

    async def grants(self, publication: Publication) -> list[Message]:
        """Streams that open sockets could not know of when they subscribed, from their snapshots on."""
        granted = [await self._grant(stream_of_account(id), users) for id, users in self._listeners(publication)]
        granted += [await self._grant(stream_of_market(market.id), None) for market in publication.new_markets]
        self._grants[-1] += granted
        return granted

    def _listeners(self, publication: Publication) -> Iterator[tuple[int, list[int]]]:
        """Accounts, each with the user ids of those who may act as it. Hubs pass over sockets that hear it already."""
        engine = self._engine
        new = {account.id for account in publication.new_accounts}
        for share in publication.new_shares:
            new |= {share.account, *engine.below(share.account)}
        for id in sorted(new):
            if users := audience.listeners(engine, engine.accounts[id]):
                yield id, users

    def lately(self) -> Message:
        """A beat's part of it."""
        return {
            "reaches": [reach for some in self._reaches for reach in some.values()],
            "grants": [grant for some in self._grants for grant in some],
        }

    def turn(self) -> None:
        """A beat has passed."""
        self._reaches.append({})
        self._grants.append([])

    def _reach(self, user: int) -> Message:
        own = self._engine.people[user]
        acting_as = audience.piece(acting_as=pb.ActingAs(account_id=own))
        return {"user": user, "account": own, "streams": self._streams.of_person(user), "acting_as": acting_as}

    def _take_back(self, user: int, streams: list[str]) -> None:
        """No grant that is repeated brings back what the person has lost."""
        for grant in (grant for some in self._grants for grant in some):
            if grant["users"] is not None and grant["stream"] not in streams:
                grant["users"] = [other for other in grant["users"] if other != user]

    async def _grant(self, stream: str, users: list[int] | None) -> Message:
        """`users` None: everybody who follows all markets."""
        frames = list(joined(await self._streams.snapshot(stream)))
        return {"stream": stream, "seq": self._engine.seq, "frames": frames, "users": users}
