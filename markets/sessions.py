"""What a socket asks about itself: who it is, what it acts as, what it hears. Reads: nothing here changes the engine.

The answer has two parts: frames for the socket, and a control part that the hub of its process obeys.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from markets import codec
from markets.decoding import Asker
from markets.engine.errors import Reason, Rejected
from markets.grants import Grants
from markets.rates import HEAVY_READ_COST, Buckets
from markets.streams import Streams, joined
from proto import exchange_pb2 as pb
from realtime.groups import PUBLIC, stream_of_market

Control = dict[str, Any]


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

    async def answer(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        """A refusal is an answer without control."""
        try:
            match message.WhichOneof("message"):
                case "authenticate":
                    return await self._authenticate(message, asker, now_us)
                case "act_as":
                    return self._act_as(message, asker, now_us)
                case "subscribe":
                    return await self._subscribe(message, asker, now_us)
                case "unsubscribe":
                    return self._unsubscribe(message, asker, now_us)
            raise Rejected(Reason.INVALID_FRAME, "This is not about the connection.")
        except Rejected as rejected:
            return Answer([_frame(codec.refusal(message.request_id, rejected))], None)

    async def _authenticate(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.authenticate
        self._charge(asker, wish.subscriptions, now_us)
        own = self.engine.people.get(asker.user)
        if own is None:
            raise Rejected(Reason.ACCOUNT_NOT_FOUND, "You have no user account yet: sign in to the pages once.")
        acting = self.engine.acting(asker.user, wish.act_as or own, asker.sudo)
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
        pieces = [_frame(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, authenticated=hello))]
        from_seq = wish.from_seq if resumes else 0
        mine = [PUBLIC, *self.streams.of_person(asker.user)]
        wanted = dict.fromkeys(mine, from_seq)
        for stream, seq in self._streams_of(wish.subscriptions).items():
            wanted[stream] = seq if resumes else 0
        pieces += await self._states(wanted)
        ready = pb.ActingAs(account_id=acting.id)
        pieces.append(_frame(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, acting_as=ready)))
        control = self._joining(wanted, wish.subscriptions) | {"account": acting.id}
        return Answer(list(joined(pieces)), control)

    def _act_as(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        self._charge(asker, (), now_us)
        acting = self.engine.acting(asker.user, message.act_as.account_id, asker.sudo)
        ready = pb.ActingAs(account_id=acting.id)
        frame = _frame(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, acting_as=ready))
        return Answer([frame], {"account": acting.id})

    async def _subscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.subscribe.subscriptions
        self._charge(asker, wish, now_us)
        wanted = self._streams_of(wish)
        pieces = await self._states(wanted)
        subscribed = pb.Subscribed(streams=wanted)
        pieces.append(
            _frame(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, subscribed=subscribed))
        )
        return Answer(list(joined(pieces)), self._joining(wanted, wish))

    def _unsubscribe(self, message: pb.ClientMessage, asker: Asker, now_us: int) -> Answer:
        wish = message.unsubscribe.subscriptions
        self._charge(asker, (), now_us)
        left = list(self._streams_of(wish))
        unsubscribed = pb.Unsubscribed(streams=left)
        control: Control = {"leave": left}
        if any(one.all_markets for one in wish):
            control["all_markets"] = False
        frame = _frame(pb.ServerMessage(request_id=message.request_id, seq=self.engine.seq, unsubscribed=unsubscribed))
        return Answer([frame], control)

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

    def _charge(self, asker: Asker, wish: Sequence[pb.Subscription], now_us: int) -> None:
        heavy = any(one.all_markets or one.from_seq for one in wish)
        self.rates.charge(asker.user, "read", asker.sudo, now_us, HEAVY_READ_COST if heavy else 1)

    def _streams_of(self, wish: Sequence[pb.Subscription]) -> dict[str, int]:
        """The streams named, each with the seq to resume from. Rejected if one is unknown or none is named."""
        streams: dict[str, int] = {}
        for one in wish:
            match one.WhichOneof("stream"):
                case "market_id":
                    streams[stream_of_market(self.engine.market(one.market_id).id)] = one.from_seq
                case "all_markets" if one.all_markets:
                    streams.update(dict.fromkeys(self.streams.of_markets(), one.from_seq))
                case _:
                    raise Rejected(Reason.INVALID_FRAME, "A subscription names a market, or all of them.")
        return streams

    async def _states(self, wanted: dict[str, int]) -> list[bytes]:
        """What the socket needs to stand at the head on each stream: what came after its seq, or a snapshot."""
        pieces: list[bytes] = []
        for stream, from_seq in wanted.items():
            missed = await self.streams.resume(stream, from_seq) if from_seq else None
            pieces += await self.streams.snapshot(stream) if missed is None else missed
        return pieces

    def _joining(self, wanted: dict[str, int], wish: Sequence[pb.Subscription]) -> Control:
        control: Control = {"join": dict.fromkeys(wanted, self.engine.seq)}
        if any(one.all_markets for one in wish):
            control["all_markets"] = True
        return control


def _frame(message: pb.ServerMessage) -> bytes:
    return pb.ServerFrame(messages=[message]).SerializeToString()
