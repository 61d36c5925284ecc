"""Tells hubs which streams open sockets may follow from now on, and which no longer (AccessChanges in messages.py).

A layer may lose a control message, and the numbers of the streams do not show it. So every beat repeats the changes of
the last RECENT_BEATS, as they hold now.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from markets.engine.book import Market
from markets.engine.state import Changed
from markets.matching.streams import RECENT_BEATS, Streams
from markets.wire import audience
from markets.wire.audience import Publication
from markets.wire.frames import joined, piece
from proto import exchange_pb2 as pb
from realtime.groups import SUMMARY, stream_of_account, stream_of_market
from realtime.messages import AccessChanges, ControlMessage, Entitlement, Reach, VisibilityChange, control_message


class Entitlements:
    """The access changes of the last beats, as hubs get them."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._engine = streams.engine
        # One dict for each of the last beats: the changes of that beat that no later change has replaced.
        self._reaches: deque[dict[int, Reach]] = deque([{}], maxlen=RECENT_BEATS)  # by user
        self._visibilities: deque[dict[int, VisibilityChange]] = deque([{}], maxlen=RECENT_BEATS)  # by market
        # By stream, without snapshots: a hub that missed one asks for it.
        self._entitlements: deque[dict[str, Entitlement]] = deque([{}], maxlen=RECENT_BEATS)
        self._reach_changed_at: dict[int, int] = {}  # user -> seq of the last change
        self._visibility_changed_at = 0  # seq of the last change, of any market

    def changed_since(self, user: int, seq: int) -> bool:
        """Whether the streams that the person may follow have changed after `seq`. Knows only this epoch."""
        return max(self._reach_changed_at.get(user, 0), self._visibility_changed_at) > seq

    def changes(self, changed: Changed) -> ControlMessage | None:
        """The reaches and visibilities that a batch has changed, or None.

        Send it before the streams of the batch, so that nobody gets more of them than they may.
        """
        reaches = self._new_reaches(changed)
        accounts = self._changed_accounts(changed) if reaches else set()
        changed_markets = changed.visibility | {
            market.id: market
            for market in (self._engine.markets.values() if accounts else ())
            if any(account in market.visible_to for account in accounts)
        }
        visibilities = [self._new_visibility(market, market.id in changed.masks) for market in changed_markets.values()]
        if changed.visibility:
            self._visibility_changed_at = self._engine.seq
        return control_message(reaches=reaches, visibilities=visibilities) if reaches or visibilities else None

    async def additions(self, publication: Publication) -> ControlMessage | None:
        """The streams that open sockets may follow since this batch, or None.

        New streams come with their snapshots. Streams of shared accounts do not: there may be many, each may be large,
        and perhaps nobody follows them.
        """
        new = {account.id for account in publication.new_accounts}
        added = [await self._with_snapshot(stream_of_account(id), self._users_of([id])) for id in sorted(new)]
        added += [self._entitlement(stream, users) for stream, users in self._shared(publication) if users]
        for market in publication.new_markets:
            if not market.visible_to and not market.hide_account_ids:
                added.append(await self._with_snapshot(stream_of_market(market.id), None))
                added.append(await self._with_snapshot(stream_of_market(market.id, SUMMARY), None))
        for entitlement in added:
            for beat in self._entitlements:
                beat.pop(entitlement["stream"], None)
            self._entitlements[-1][entitlement["stream"]] = {**entitlement, "frames": []}
        return control_message(entitlements=added) if added else None

    def recent(self) -> AccessChanges:
        """The changes of the last RECENT_BEATS, for a beat."""
        return {
            "reaches": [reach for beat in self._reaches for reach in beat.values()],
            "visibilities": [change for beat in self._visibilities for change in beat.values()],
            "entitlements": [entitlement for beat in self._entitlements for entitlement in beat.values()],
        }

    def next_beat(self) -> None:
        self._reaches.append({})
        self._visibilities.append({})
        self._entitlements.append({})

    # --- Accounts

    def _changed_accounts(self, changed: Changed) -> set[int]:
        """The accounts that other people may act as than before: those whose owners changed, and all below them."""
        return {id for account in changed.owners for id in (account, *self._engine.below(account))}

    def _new_reaches(self, changed: Changed) -> list[Reach]:
        for user in changed.reach:
            reach = self._reach(user)
            for beat in self._reaches:
                beat.pop(user, None)
            self._reaches[-1][user] = reach
            self._reach_changed_at[user] = self._engine.seq
            self._revoke(user, reach["streams"])
        return [self._reaches[-1][user] for user in changed.reach]

    def _reach(self, user: int) -> Reach:
        own = self._engine.people[user]
        acting_as = piece(acting_as=pb.ActingAs(account_id=own))
        return {"user": user, "account": own, "streams": self._streams.of_person(user), "acting_as": acting_as}

    def _revoke(self, user: int, streams: list[str]) -> None:
        """Takes entitlements to streams that the person has lost out of the beats."""
        for beat in self._entitlements:
            for stream, entitlement in beat.items():
                if entitlement["users"] is not None and stream not in streams:
                    beat[stream] = {**entitlement, "users": [other for other in entitlement["users"] if other != user]}

    def _shared(self, publication: Publication) -> Iterator[tuple[str, list[int]]]:
        """The streams of shared accounts and all below them, with the ids of the users who may act as each account.

        Hubs skip sockets that follow the stream already.
        """
        shared = {share.account for share in publication.new_shares}
        below = {id for account in shared for id in self._engine.below(account)}
        for id in sorted(shared | below):
            yield stream_of_account(id), self._users_of([id])

    # --- Markets

    def _new_visibility(self, market: Market, masks_changed: bool) -> VisibilityChange:
        """Makes the market's change, which replaces its earlier changes in the beats."""
        replaced = [beat.pop(market.id) for beat in self._visibilities if market.id in beat]
        change = self._visibilities[-1][market.id] = {
            "seq": self._engine.seq,
            "restart": masks_changed or any(earlier["restart"] for earlier in replaced),
            "book": stream_of_market(market.id),
            "sudo_book": self._streams.of_market(market, sudo=True),
            "summary": stream_of_market(market.id, SUMMARY),
            "users": self._users_of(market.visible_to) if market.visible_to else None,
            "accounts": list(market.visible_to),
        }
        self._withdraw(market, change)
        return change

    def _withdraw(self, market: Market, change: VisibilityChange) -> None:
        """Takes entitlements to a market that is restricted or hides account ids now out of the beats."""
        for beat in self._entitlements if market.visible_to or market.hide_account_ids else ():
            beat.pop(change["book"], None)
            beat.pop(change["summary"], None)

    def _users_of(self, accounts: Iterable[int]) -> list[int]:
        """The ids of the users who may act as one of the accounts."""
        found = (audience.users_acting_as(self._engine, self._engine.accounts[id]) for id in accounts)
        return list(dict.fromkeys(user for users in found for user in users))

    async def _with_snapshot(self, stream: str, users: list[int] | None) -> Entitlement:
        frames = list(joined(await self._streams.snapshot(stream)))
        return {**self._entitlement(stream, users), "frames": frames}

    def _entitlement(self, stream: str, users: list[int] | None) -> Entitlement:
        return {"stream": stream, "seq": self._engine.seq, "frames": [], "users": users}
