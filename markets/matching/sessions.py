"""Answers a socket's requests about itself: who it is, what it acts as, what it follows. Never changes the engine.

An answer has two parts: frames for the socket, and a control part that the hub of its process obeys. The matcher knows
no connections. A session message therefore brings the subscriptions of its socket.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from markets.engine.book import Market
from markets.engine.errors import Reason, Rejected
from markets.engine.state import not_theirs
from markets.engine.visibility import WHOLE, market_not_found
from markets.matching.entitlements import Entitlements
from markets.matching.streams import Streams
from markets.wire import codec
from markets.wire.decoding import Asker
from markets.wire.frames import joined
from markets.wire.rates import HEAVY_READ_COST, SNAPSHOT_BYTES_A_TOKEN, Buckets
from markets.wire.requests import class_of
from markets.wire.scopes import check_rights
from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.groups import ACCOUNT, MARKET, PUBLIC, SUMMARY, Name, named, stream_of_account, stream_of_market
from realtime.messages import ResyncedMessage, SocketControl, SocketSubscriptions, resynced_message
from realtime.rights import SUDO_REFUSED


class Answer(NamedTuple):
    frames: list[bytes]
    control: SocketControl | None


class Sessions:
    """Answers session messages between two batches."""

    def __init__(self, streams: Streams, entitlements: Entitlements, rates: Buckets, epoch: int) -> None:
        self.streams = streams
        self.entitlements = entitlements
        self.engine = streams.engine
        self.rates = rates
        self.epoch = epoch

    async def answer(
        self, message: pb.ClientMessage, asker: Asker, subscriptions: SocketSubscriptions, now_us: int
    ) -> Answer:
        """Answers one request. A refusal is an answer without control."""
        kind = message.WhichOneof("message") or ""
        try:
            self._charge(kind, message, asker, now_us)
            check_rights(kind, getattr(message, kind, None), asker.account, asker.rights)
            match kind:
                case "authenticate":
                    return await self._authenticate(message, asker, now_us)
                case "act_as":
                    return await self._act_as(message, asker, subscriptions, now_us)
                case "set_sudo":
                    return await self._set_sudo(message, asker, subscriptions, now_us)
                case "subscribe":
                    return await self._subscribe(message, asker, now_us)
                case "unsubscribe":
                    return self._unsubscribe(message, asker, now_us)
            raise Rejected(Reason.INVALID_FRAME, "This is no request about the connection.")
        except Rejected as rejected:
            return Answer([encoded(codec.refusal(message.request_id, rejected, asker.rights.operator))], None)

    async def _authenticate(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        request = message.authenticate
        own = self.engine.people.get(asker.user)
        if own is None:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, "You have no user account yet. Sign in to the pages once.")
        acting = self._acting(asker, request.act_as or asker.rights.bound or own)
        same_epoch = request.epoch == self.epoch
        anew = same_epoch and self.entitlements.changed_since(asker.user, request.from_seq)
        resumes = same_epoch and not anew
        authenticated = pb.Authenticated(
            user_id=asker.user,
            account_id=own,
            name=self.engine.accounts[own].name,
            epoch=self.epoch,
            seq=self.engine.seq,
            at_us=now_us,
            anew=anew,
        )
        pieces = [self._reply(message, authenticated=authenticated)]
        wanted = dict.fromkeys([PUBLIC, *self._accounts(asker)], request.from_seq if resumes else 0)
        followed, unseen = self._streams_of(request.subscriptions, asker)
        wanted |= followed if resumes else dict.fromkeys(followed, 0)
        pieces += await self._catch_up(wanted, asker, now_us)
        if unseen:  # the socket may have followed it before the connection was lost
            pieces.append(encoded(pb.ServerMessage(unsubscribed=pb.Unsubscribed(streams=unseen))))
        pieces.append(self._reply(message, acting_as=pb.ActingAs(account_id=acting)))
        control = self._joining(wanted, request.subscriptions)
        control["account"] = acting
        return Answer(list(joined(pieces)), control)

    async def _act_as(
        self, message: pb.ClientMessage, asker: Asker, subscriptions: SocketSubscriptions, now_us: int
    ) -> Answer:
        """Changes the account acted as. In sudo a socket follows another person's account only while it acts as it."""
        acting = self._acting(asker, message.act_as.account_id)
        own = {stream_of_account(acting), *self._accounts(asker)}
        others = [stream for stream in subscriptions["streams"] if named(stream).kind == ACCOUNT and stream not in own]
        join = {} if stream_of_account(acting) in subscriptions["streams"] else {stream_of_account(acting): 0}
        pieces = _unsubscribed(others) + await self._catch_up(join, asker, now_us)
        pieces.append(self._reply(message, acting_as=pb.ActingAs(account_id=acting)))
        control: SocketControl = {
            "account": acting,
            "leave": others,
            "join": dict.fromkeys(join, self.engine.seq),
        }
        return Answer(list(joined(pieces)), control)

    async def _subscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        requested = message.subscribe.subscriptions
        wanted, unseen = self._streams_of(requested, asker)
        if unseen:
            raise market_not_found(named(unseen[0]).id)
        pieces = await self._catch_up(wanted, asker, now_us)
        pieces.append(self._reply(message, subscribed=pb.Subscribed(streams=wanted)))
        return Answer(list(joined(pieces)), self._joining(wanted, requested))

    def _unsubscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        requested = message.unsubscribe.subscriptions
        left, unseen = self._streams_of(requested, asker)
        if unseen:
            raise market_not_found(named(unseen[0]).id)
        control = _following_all(requested, False)
        control["leave"] = list(left)
        return Answer([self._reply(message, unsubscribed=pb.Unsubscribed(streams=left))], control)

    # --- Sudo

    async def _set_sudo(
        self, message: pb.ClientMessage, asker: Asker, subscriptions: SocketSubscriptions, now_us: int
    ) -> Answer:
        """Turns sudo on or off. Keeps what the socket may still follow, in its new form; ends everything else."""
        on = message.set_sudo.on
        if on and not asker.rights.operator:
            raise Rejected(Reason.NOT_ALLOWED, SUDO_REFUSED)
        new_asker = asker._replace(sudo=on)
        acting = self._acting_or_own(new_asker)
        followed = self._markets_followed(subscriptions, new_asker)
        keeps = {PUBLIC, stream_of_account(acting), *self._accounts(new_asker), *followed}
        join = dict.fromkeys(sorted(keeps.difference(subscriptions["streams"])), 0)
        pieces = await self._catch_up(join, asker, now_us)
        if acting != asker.account:
            pieces.append(encoded(pb.ServerMessage(acting_as=pb.ActingAs(account_id=acting))))
        pieces.append(self._reply(message, sudo_set=pb.SudoSet(on=on)))
        control: SocketControl = {
            "sudo": on,
            "account": acting,
            "only": sorted(keeps),
            "join": dict.fromkeys(join, self.engine.seq),
        }
        return Answer(list(joined(pieces)), control)

    def _markets_followed(self, subscriptions: SocketSubscriptions, asker: Asker) -> Iterable[str]:
        """The streams of the followed markets that the asker may see, in the form that the asker gets."""
        books, summaries = subscriptions["all_markets"], subscriptions["all_summaries"]
        followed = [name for name in map(named, subscriptions["streams"]) if name.kind == MARKET]
        for market in self.engine.markets.values() if books or summaries else ():
            followed += [Name(MARKET, market.id)] if books else []
            followed += [Name(MARKET, market.id, SUMMARY)] if summaries else []
        for _, id, form in followed:
            market = self.engine.markets[id]
            if self._sees_book(market, asker) and stream_of_market(id, form) not in subscriptions["left"]:
                yield stream_of_market(id, SUMMARY) if form == SUMMARY else self.streams.of_market(market, asker.sudo)

    # --- For hubs

    async def resync(self, hub_seqs: dict[str, int]) -> list[ResyncedMessage]:
        """Brings a hub that missed something up to date.

        `hub_seqs` maps each stream to the last seq that the hub has. The answer has what the stream published since,
        or a snapshot. Streams that do not exist are left out.
        """
        answers = []
        for stream, from_seq in hub_seqs.items():
            if not self.streams.exists(stream):
                continue
            missed = await self.streams.resume(stream, from_seq)
            pieces = await self.streams.snapshot(stream) if missed is None else missed
            answers.append(resynced_message(stream, self.engine.seq, missed is None, list(joined(pieces))))
        return answers

    # --- Who asks

    def _acting(self, asker: Asker, account: int) -> int:
        """Returns the account. Rejected ACCOUNT_NOT_FOUND if the asker or their token may not act as it."""
        if asker.rights.bound not in (0, account):
            raise not_theirs(account)
        return self.engine.find_acting_account(asker.user, account, asker.sudo).id

    def _acting_or_own(self, asker: Asker) -> int:
        try:
            return self._acting(asker, asker.account)
        except Rejected:
            return asker.rights.bound or self.engine.people[asker.user]

    def _accounts(self, asker: Asker) -> list[str]:
        """The streams of the accounts that they may act as without sudo, own user account first."""
        bound = asker.rights.bound
        return [stream_of_account(bound)] if bound else self.streams.of_person(asker.user)

    def _sees_book(self, market: Market, asker: Asker) -> bool:
        return asker.degree(self.engine, market) == WHOLE

    def _charge(self, kind: str, message: pb.ClientMessage, asker: Asker, now_us: int) -> None:
        """Charges before anything else, so that a refused request costs as much.

        To leave streams is never heavy. To turn sudo off is never refused.
        """
        rate_class = class_of(kind)
        if kind == "set_sudo" and not message.set_sudo.on:
            self.rates.drain(asker.user, rate_class, asker.sudo, now_us, 1)
            return
        body = getattr(message, kind, None)
        requested = body.subscriptions if isinstance(body, pb.Authenticate | pb.Subscribe) else ()
        heavy = kind == "authenticate" and bool(message.authenticate.from_seq)
        heavy = heavy or any(one.all_markets or one.from_seq for one in requested)
        self.rates.charge(asker.user, rate_class, asker.sudo, now_us, HEAVY_READ_COST if heavy else 1)

    # --- Streams

    def _streams_of(self, requested: Sequence[pb.Subscription], asker: Asker) -> tuple[dict[str, int], list[str]]:
        """The requested streams, each with the seq to resume from; and the streams of markets hidden from the asker.

        Rejected INVALID_FRAME if a subscription names no stream.
        """
        streams: dict[str, int] = {}
        unseen: list[str] = []
        everything = any(one.all_markets or one.market_summary for one in requested)
        seen = [market for market in self.engine.markets.values() if everything and self._sees_book(market, asker)]
        for one in requested:
            match one.WhichOneof("stream"):
                case "market_id":
                    market = self.engine.markets.get(one.market_id)
                    if market is None or not self._sees_book(market, asker):
                        unseen.append(stream_of_market(one.market_id))
                    else:
                        streams[self.streams.of_market(market, asker.sudo)] = one.from_seq
                case "all_markets" if one.all_markets:
                    streams |= {self.streams.of_market(market, asker.sudo): one.from_seq for market in seen}
                case "market_summary" if one.market_summary:
                    self.streams.summaries_wanted = True
                    streams |= {stream_of_market(market.id, SUMMARY): one.from_seq for market in seen}
                case _:
                    raise Rejected(Reason.INVALID_FRAME, "A subscription names a market, all of them, or summaries.")
        return streams, unseen

    async def _catch_up(self, wanted: dict[str, int], asker: Asker, now_us: int) -> list[bytes]:
        """The pieces that bring the socket to the head of each stream: what came after its seq, or a snapshot.

        Snapshots of books are kept. Others are made each time, so they cost tokens by their size.
        """
        pieces: list[bytes] = []
        snapshot_bytes = 0
        for stream, from_seq in wanted.items():
            missed = await self.streams.resume(stream, from_seq) if from_seq else None
            added = await self.streams.snapshot(stream) if missed is None else missed
            if missed is None and named(stream).kind != MARKET:
                snapshot_bytes += sum(map(len, added))
            pieces += added
        self.rates.drain(asker.user, "read", asker.sudo, now_us, snapshot_bytes // SNAPSHOT_BYTES_A_TOKEN)
        return pieces

    def _joining(self, wanted: dict[str, int], requested: Sequence[pb.Subscription]) -> SocketControl:
        control = _following_all(requested, True)
        control["join"] = dict.fromkeys(wanted, self.engine.seq)
        return control

    def _reply(self, message: pb.ClientMessage, **member: Any) -> bytes:
        return encoded(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, **member))


def _following_all(requested: Sequence[pb.Subscription], on: bool) -> SocketControl:
    """Turns requested subscriptions to all markets or all summaries on or off. Others stay as they are."""
    control: SocketControl = {}
    if any(one.all_markets for one in requested):
        control["all_markets"] = on
    if any(one.market_summary for one in requested):
        control["all_summaries"] = on
    return control


def _unsubscribed(streams: list[str]) -> list[bytes]:
    return [encoded(pb.ServerMessage(unsubscribed=pb.Unsubscribed(streams=streams)))] if streams else []
