"""What open sockets may hear from now on, or no longer: control messages that the hubs obey before anything later.

A layer may lose one, and no stream's numbers would show that: every beat repeats those of the last few.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from markets.engine.book import Market
from markets.engine.state import Changed
from markets.matching.streams import SPOKE_BEATS, Streams
from markets.wire import audience
from markets.wire.audience import Publication
from markets.wire.frames import joined, piece
from proto import exchange_pb2 as pb
from realtime.groups import SUMMARY, stream_of_account, stream_of_market

Message = dict[str, Any]


class Grants:
    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._engine = streams.engine
        # Of the last beats. Whoever's reach changed: it as it is now, by user; who sees a market now, by market.
        self._reaches: deque[dict[int, Message]] = deque([{}], maxlen=SPOKE_BEATS)
        self._sights: deque[dict[int, Message]] = deque([{}], maxlen=SPOKE_BEATS)
        # Streams that somebody may hear from now on, without their snapshots: who missed one asks for it.
        self._grants: deque[dict[str, Message]] = deque([{}], maxlen=SPOKE_BEATS)
        self._reach_changed_at: dict[int, int] = {}  # user -> the head of the journal when their reach changed last
        self._sights_changed_at = 0

    def changed_since(self, user: int, seq: int) -> bool:
        """Whether the person may hear other streams than at `seq`, in this epoch."""
        return max(self._reach_changed_at.get(user, 0), self._sights_changed_at) > seq

    def confining(self, changed: Changed) -> Message | None:
        """Who may hear less, or something else, than before: to be sent before what the batch says on streams, so that
        nobody hears more than they may."""
        reaches = self._new_reaches(changed)
        moved = self._moved(changed) if reaches else set()
        seen_anew = changed.visibility | {
            market.id: market
            for market in (self._engine.markets.values() if moved else ())
            if any(account in market.visible_to for account in moved)
        }
        sights = [self._new_sight(market, market.id in changed.masks) for market in seen_anew.values()]
        if changed.visibility:
            self._sights_changed_at = self._engine.seq
        return {"type": "control", "reaches": reaches, "sights": sights, "grants": []} if reaches or sights else None

    async def granting(self, publication: Publication) -> Message | None:
        """Streams that open sockets could not know of when they subscribed: what is new with its snapshot, what is
        shared without, because it may be much and nobody there to hear it."""
        new = {account.id for account in publication.new_accounts}
        granted = [await self._grant(stream_of_account(id), self._users_of([id])) for id in sorted(new)]
        granted += [_grant(stream, self._engine.seq, users) for stream, users in self._shared(publication) if users]
        for market in publication.new_markets:
            if not market.visible_to and not market.hide_account_ids:
                granted.append(await self._grant(stream_of_market(market.id), None))
                granted.append(await self._grant(stream_of_market(market.id, SUMMARY), None))
        for one in granted:
            for beat in self._grants:
                beat.pop(one["stream"], None)
            self._grants[-1][one["stream"]] = one | {"frames": []}
        return {"type": "control", "reaches": [], "sights": [], "grants": granted} if granted else None

    def lately(self) -> Message:
        """A beat's part of it."""
        return {
            "reaches": [reach for some in self._reaches for reach in some.values()],
            "sights": [sight for some in self._sights for sight in some.values()],
            "grants": [grant for some in self._grants for grant in some.values()],
        }

    def turn(self) -> None:
        """A beat has passed."""
        self._reaches.append({})
        self._sights.append({})
        self._grants.append({})

    # --- Accounts

    def _moved(self, changed: Changed) -> set[int]:
        """The accounts that other people than before may act as: those with other owners, and all below them."""
        return {id for account in changed.owners for id in (account, *self._engine.below(account))}

    def _new_reaches(self, changed: Changed) -> list[Message]:
        for user in changed.reach:
            reach = self._reach(user)
            for beat in self._reaches:
                beat.pop(user, None)
            self._reaches[-1][user] = reach
            self._reach_changed_at[user] = self._engine.seq
            self._take_back(user, reach["streams"])
        return [self._reaches[-1][user] for user in changed.reach]

    def _reach(self, user: int) -> Message:
        own = self._engine.people[user]
        acting_as = piece(acting_as=pb.ActingAs(account_id=own))
        return {"user": user, "account": own, "streams": self._streams.of_person(user), "acting_as": acting_as}

    def _take_back(self, user: int, streams: list[str]) -> None:
        """No grant that is repeated brings back what the person has lost."""
        for grant in (grant for some in self._grants for grant in some.values()):
            if grant["users"] is not None and grant["stream"] not in streams:
                grant["users"] = [other for other in grant["users"] if other != user]

    def _shared(self, publication: Publication) -> Iterator[tuple[str, list[int]]]:
        """Streams of accounts that were shared or are below one, each with the user ids of those who may act as it.
        Hubs pass over sockets that hear it already."""
        shared = {share.account for share in publication.new_shares}
        below = {id for account in shared for id in self._engine.below(account)}
        for id in sorted(shared | below):
            yield stream_of_account(id), self._users_of([id])

    # --- Markets

    def _new_sight(self, market: Market, again: bool) -> Message:
        """Which streams a market has now, and who may hear them (`users` None: everybody). `again`: who hears its book
        already gets it anew."""
        kept = [beat.pop(market.id) for beat in self._sights if market.id in beat]
        sight = self._sights[-1][market.id] = {
            "seq": self._engine.seq,
            "again": again or any(sight["again"] for sight in kept),
            "plain": stream_of_market(market.id),
            "sudo": self._streams.of_market(market, sudo=True),
            "summary": stream_of_market(market.id, SUMMARY),
            "users": self._users_of(market.visible_to) if market.visible_to else None,
            "accounts": list(market.visible_to),
        }
        self._withdraw(market, sight)
        return sight

    def _withdraw(self, market: Market, sight: Message) -> None:
        """No grant to everybody that is repeated shows what only some may see, or ids that are hidden now."""
        for beat in self._grants if market.visible_to or market.hide_account_ids else ():
            beat.pop(sight["plain"], None)
            beat.pop(sight["summary"], None)

    def _users_of(self, accounts: Iterable[int]) -> list[int]:
        """User ids of those who may act as one of the accounts."""
        found = (audience.listeners(self._engine, self._engine.accounts[id]) for id in accounts)
        return list(dict.fromkeys(user for users in found for user in users))

    async def _grant(self, stream: str, users: list[int] | None) -> Message:
        """`users` None: everybody who follows all markets, or all summaries."""
        frames = list(joined(await self._streams.snapshot(stream)))
        return _grant(stream, self._engine.seq, users) | {"frames": frames}


def _grant(stream: str, seq: int, users: list[int] | None) -> Message:
    """Without the snapshot: the hubs ask for it where somebody is there to hear it."""
    return {"stream": stream, "seq": seq, "frames": [], "users": users}
