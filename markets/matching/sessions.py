"""What a socket asks about itself: who it is, what it acts as, what it hears. Reads: nothing here changes the engine.

The answer has two parts: frames for the socket, and a control part that the hub of its process obeys. The matcher knows
no connections: a session message tells what its socket `hears`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markets.engine.book import Market
from markets.engine.errors import Reason, Rejected
from markets.engine.visibility import WHOLE, market_not_found
from markets.matching.entitlements import Grants
from markets.matching.streams import Streams
from markets.wire import codec
from markets.wire.decoding import Asker
from markets.wire.frames import joined
from markets.wire.rates import HEAVY_READ_COST, SNAPSHOT_BYTES_A_TOKEN, Buckets
from markets.wire.scopes import check_rights
from proto import exchange_pb2 as pb
from realtime.frames import encoded
from realtime.groups import ACCOUNT, MARKET, PUBLIC, SUMMARY, Name, named, stream_of_account, stream_of_market

Control = dict[str, Any]
# Of a socket: its "streams", those that it has "left", and whether it wants "all_markets" and "all_summaries".
Hears = Mapping[str, Any]


class Answer(NamedTuple):
    frames: list[bytes]
    control: Control | None


class Sessions:
    def __init__(self, streams: Streams, grants: Grants, rates: Buckets, epoch: int) -> None:
        self.streams = streams
        self.grants = grants
        self.engine = streams.engine
        self.rates = rates
        self.epoch = epoch

    async def answer(self, message: pb.ClientMessage, asker: Asker, hears: Hears, now_us: int) -> Answer:
        """A refusal is an answer without control."""
        kind = message.WhichOneof("message") or ""
        try:
            self._charge(kind, message, asker, now_us)
            check_rights(kind, getattr(message, kind, None), asker.account, asker.rights)
            match kind:
                case "authenticate":
                    return await self._authenticate(message, asker, now_us)
                case "act_as":
                    return await self._act_as(message, asker, hears, now_us)
                case "set_sudo":
                    return await self._set_sudo(message, asker, hears, now_us)
                case "subscribe":
                    return await self._subscribe(message, asker, now_us)
                case "unsubscribe":
                    return self._unsubscribe(message, asker, now_us)
            raise Rejected(Reason.INVALID_FRAME, "This is not about the connection.")
        except Rejected as rejected:
            return Answer([encoded(codec.refusal(message.request_id, rejected, asker.rights.operator))], None)

    async def _authenticate(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.authenticate
        own = self.engine.people.get(asker.user)
        if own is None:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, "You have no user account yet: sign in to the pages once.")
        acting = self._acting(asker, wish.act_as or asker.rights.bound or own)
        same_epoch = wish.epoch == self.epoch
        anew = same_epoch and self.grants.changed_since(asker.user, wish.from_seq)
        resumes = same_epoch and not anew
        hello = pb.Authenticated(
            user_id=asker.user,
            account_id=own,
            name=self.engine.accounts[own].name,
            epoch=self.epoch,
            seq=self.engine.seq,
            at_us=now_us,
            anew=anew,
        )
        pieces = [self._reply(message, authenticated=hello)]
        wanted = dict.fromkeys([PUBLIC, *self._accounts(asker)], wish.from_seq if resumes else 0)
        followed, unseen = self._streams_of(wish.subscriptions, asker)
        wanted |= followed if resumes else dict.fromkeys(followed, 0)
        pieces += await self._states(wanted, asker, now_us)
        if unseen:  # it may have been seen before the connection was lost
            pieces.append(encoded(pb.ServerMessage(unsubscribed=pb.Unsubscribed(streams=unseen))))
        pieces.append(self._reply(message, acting_as=pb.ActingAs(account_id=acting)))
        control = self._joining(wanted, wish.subscriptions) | {"account": acting}
        return Answer(list(joined(pieces)), control)

    async def _act_as(self, message: pb.ClientMessage, asker: Asker, hears: Hears, now_us: int) -> Answer:
        """In sudo somebody else's account is heard for as long as one acts as it."""
        acting = self._acting(asker, message.act_as.account_id)
        mine = {stream_of_account(acting), *self._accounts(asker)}
        others = [stream for stream in hears["streams"] if named(stream).kind == ACCOUNT and stream not in mine]
        join = {} if stream_of_account(acting) in hears["streams"] else {stream_of_account(acting): 0}
        pieces = _unsubscribed(others) + await self._states(join, asker, now_us)
        pieces.append(self._reply(message, acting_as=pb.ActingAs(account_id=acting)))
        control = {"account": acting, "leave": others, "join": dict.fromkeys(join, self.engine.seq)}
        return Answer(list(joined(pieces)), control)

    async def _subscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.subscribe.subscriptions
        wanted, unseen = self._streams_of(wish, asker)
        if unseen:
            raise market_not_found(named(unseen[0]).id)
        pieces = await self._states(wanted, asker, now_us)
        pieces.append(self._reply(message, subscribed=pb.Subscribed(streams=wanted)))
        return Answer(list(joined(pieces)), self._joining(wanted, wish))

    def _unsubscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.unsubscribe.subscriptions
        left, unseen = self._streams_of(wish, asker)
        if unseen:
            raise market_not_found(named(unseen[0]).id)
        control: Control = {"leave": list(left)} | dict.fromkeys(_everything(wish), False)
        return Answer([self._reply(message, unsubscribed=pb.Unsubscribed(streams=left))], control)

    # --- Sudo

    async def _set_sudo(self, message: pb.ClientMessage, asker: Asker, hears: Hears, now_us: int) -> Answer:
        """Everything that the socket hears as it is told with the other rights; what it may not hear any more ends."""
        on = message.set_sudo.on
        if on and not asker.rights.operator:
            raise Rejected(Reason.NOT_ALLOWED, "Only operators turn on sudo.")
        then = asker._replace(sudo=on)
        acting = self._acting_or_own(then)
        keeps = {PUBLIC, stream_of_account(acting), *self._accounts(then), *self._markets_heard(hears, then)}
        join = dict.fromkeys(sorted(keeps.difference(hears["streams"])), 0)
        pieces = await self._states(join, asker, now_us)
        if acting != asker.account:
            pieces.append(encoded(pb.ServerMessage(acting_as=pb.ActingAs(account_id=acting))))
        pieces.append(self._reply(message, sudo_set=pb.SudoSet(on=on)))
        control: Control = {"sudo": on, "account": acting, "only": sorted(keeps)}
        return Answer(list(joined(pieces)), control | {"join": dict.fromkeys(join, self.engine.seq)})

    def _markets_heard(self, hears: Hears, asker: Asker) -> Iterable[str]:
        """The streams of markets for a socket that hears these, and may hear what the asker may."""
        heard = [name for name in map(named, hears["streams"]) if name.kind == MARKET]
        for market in self.engine.markets.values() if hears["all_markets"] or hears["all_summaries"] else ():
            heard += [Name(MARKET, market.id)] if hears["all_markets"] else []
            heard += [Name(MARKET, market.id, SUMMARY)] if hears["all_summaries"] else []
        for _, id, form in heard:
            market = self.engine.markets[id]
            if self._sees_book(market, asker) and stream_of_market(id, form) not in hears["left"]:
                yield stream_of_market(id, SUMMARY) if form == SUMMARY else self.streams.of_market(market, asker.sudo)

    # --- For hubs

    async def resync(self, standing: dict[str, int]) -> list[dict[str, Any]]:
        """For a hub that missed something: of each stream what came after the seq it stands at, or a snapshot."""
        answers = []
        for stream, from_seq in standing.items():
            if not self.streams.exists(stream):
                continue
            missed = await self.streams.resume(stream, from_seq)
            pieces = await self.streams.snapshot(stream) if missed is None else missed
            answer = {"type": "resynced", "stream": stream, "seq": self.engine.seq, "replace": missed is None}
            answers.append(answer | {"frames": list(joined(pieces))})
        return answers

    # --- Who asks

    def _acting(self, asker: Asker, account: int) -> int:
        """Rejected ACCOUNT_NOT_FOUND if it is not theirs to act as, or not the one that the token is bound to."""
        if asker.rights.bound not in (0, account):
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, f"You have no account {account} to act as.")
        return self.engine.acting(asker.user, account, asker.sudo).id

    def _acting_or_own(self, asker: Asker) -> int:
        try:
            return self._acting(asker, asker.account)
        except Rejected:
            return asker.rights.bound or self.engine.people[asker.user]

    def _accounts(self, asker: Asker) -> list[str]:
        """The streams of the accounts that are theirs, own user account first."""
        bound = asker.rights.bound
        return [stream_of_account(bound)] if bound else self.streams.of_person(asker.user)

    def _sees_book(self, market: Market, asker: Asker) -> bool:
        return asker.degree(self.engine, market) == WHOLE

    def _charge(self, kind: str, message: pb.ClientMessage, asker: Asker, now_us: int) -> None:
        """Before anything else, so that what is refused costs as much. To leave streams is not heavy, and what takes
        rights away is never held up."""
        if kind == "set_sudo" and not message.set_sudo.on:
            self.rates.drain(asker.user, "read", asker.sudo, now_us, 1)
            return
        body = getattr(message, kind, None)
        wish = body.subscriptions if isinstance(body, pb.Authenticate | pb.Subscribe) else ()
        heavy = kind == "authenticate" and bool(message.authenticate.from_seq)
        heavy = heavy or any(one.all_markets or one.from_seq for one in wish)
        self.rates.charge(asker.user, "read", asker.sudo, now_us, HEAVY_READ_COST if heavy else 1)

    # --- Streams

    def _streams_of(self, wish: Sequence[pb.Subscription], asker: Asker) -> tuple[dict[str, int], list[str]]:
        """The streams named, each with the seq to resume from; and those of markets that are not there for the asker.
        Rejected if none is named."""
        streams: dict[str, int] = {}
        unseen: list[str] = []
        everything = _everything(wish)
        seen = [market for market in self.engine.markets.values() if everything and self._sees_book(market, asker)]
        for one in wish:
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
                    self.streams.summarises = True
                    streams |= {stream_of_market(market.id, SUMMARY): one.from_seq for market in seen}
                case _:
                    raise Rejected(Reason.INVALID_FRAME, "A subscription names a market, all of them, or summaries.")
        return streams, unseen

    async def _states(self, wanted: dict[str, int], asker: Asker, now_us: int) -> list[bytes]:
        """What the socket needs to stand at the head on each stream: what came after its seq, or a snapshot. Snapshots
        of accounts are made each time, so large ones are paid for by their size; those of books are kept."""
        pieces: list[bytes] = []
        made = 0
        for stream, from_seq in wanted.items():
            missed = await self.streams.resume(stream, from_seq) if from_seq else None
            told = await self.streams.snapshot(stream) if missed is None else missed
            made += sum(map(len, told)) if missed is None and named(stream).kind != MARKET else 0
            pieces += told
        self.rates.drain(asker.user, "read", asker.sudo, now_us, made // SNAPSHOT_BYTES_A_TOKEN)
        return pieces

    def _joining(self, wanted: dict[str, int], wish: Sequence[pb.Subscription]) -> Control:
        return {"join": dict.fromkeys(wanted, self.engine.seq)} | dict.fromkeys(_everything(wish), True)

    def _reply(self, message: pb.ClientMessage, **what: Any) -> bytes:
        return encoded(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, **what))


def _everything(wish: Sequence[pb.Subscription]) -> list[str]:
    """What is asked for of every market, as hubs call it."""
    books, lines = any(one.all_markets for one in wish), any(one.market_summary for one in wish)
    return ["all_markets"] * books + ["all_summaries"] * lines


def _unsubscribed(streams: list[str]) -> list[bytes]:
    return [encoded(pb.ServerMessage(unsubscribed=pb.Unsubscribed(streams=streams)))] if streams else []
