"""Refused frames: each gets its code and leaves the socket and the exchange unchanged."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, raw_socket, signed_in
from tests.live.requests import bid, new_market, one_market
from tests.live.tables import Tables

KIB = 1024
MIB = 1024 * KIB
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded) + bytes((number,))


def framed(*messages: bytes) -> bytes:
    return b"".join(field(1, message) for message in messages)


def request(id: str, order: pb.CreateOrder) -> bytes:
    return pb.ClientMessage(request_id=id, create_order=order).SerializeToString()


GOOD = bid(1, 4_000, 100)
BID = GOOD.SerializeToString()
OUT = pb.Out(market_id=1).SerializeToString()

# What is wrong -> the bytes, and the request_id that is still readable.
BROKEN: dict[str, tuple[bytes, str]] = {
    "garbage": (bytes(range(255, 155, -1)), ""),
    "text in a binary frame": (b"BUY 100 GOLD", ""),
    "JSON in a binary frame": (json.dumps({"create_order": {"price": 1}}).encode(), ""),
    "empty": (b"", ""),
    "cut short": (framed(request("r", GOOD))[:-3], ""),
    "a message of another field": (field(2, request("r", GOOD)), ""),
    "a good message and then garbage": (framed(request("r", GOOD)) + b"\xff\xff", ""),
    "a message with a broken end": (framed(request("r", GOOD) + b"\x50"), ""),
    "no member": (framed(field(1, b"r")), "r"),
    "an empty message": (framed(b""), ""),
    "an unknown member": (framed(field(1, b"r") + field(99, b"")), "r"),
    "a member of a later version": (framed(field(1, b"r") + field(24, BID)), "r"),
    "two members": (framed(field(1, b"r") + field(30, BID) + field(32, OUT)), "r"),
    "two members, the second empty": (framed(field(1, b"r") + field(32, OUT) + field(31, b"")), "r"),
    "the same member twice": (framed(field(1, b"r") + field(30, BID) + field(30, b"\x08\x01")), "r"),
    "a member and an unknown one": (framed(field(1, b"r") + field(30, BID) + field(77, b"x")), "r"),
    "a member with a number for a payload": (framed(field(1, b"r") + varint(30 << 3) + b"\x01"), ""),
    "request_id twice": (framed(field(1, b"r") + field(1, b"s") + field(30, BID)), ""),
    "request_id too long": (framed(field(1, b"r" * 65) + field(30, BID)), ""),
    "request_id that is no UTF-8": (framed(field(1, b"\xff\xfe") + field(30, BID)), ""),
    "a text that is no UTF-8": (framed(field(1, b"r") + field(30, BID + field(8, b"\xc3\x28"))), "r"),
    "an unknown field": (framed(field(1, b"r") + field(30, BID + field(15, b"more"))), "r"),
    "an unknown number field": (framed(field(1, b"r") + field(30, BID + b"\x78\x01")), "r"),
    "a field of the wrong type": (framed(field(1, b"r") + field(30, field(3, b"4000"))), "r"),
    "an unknown side": (framed(field(1, b"r") + field(30, BID + b"\x10\x03")), "r"),
    "a negative side": (framed(field(1, b"r") + field(30, BID + b"\x10" + b"\xff" * 9 + b"\x01")), "r"),
    "no side": (framed(request("r", pb.CreateOrder(market_id=1, price=4_000, size=100))), "r"),
    "an unknown time in force": (framed(field(1, b"r") + field(30, BID + b"\x28\x09")), "r"),
    "an unknown self-trade mode": (framed(field(1, b"r") + field(30, BID + b"\x38\x63")), "r"),
    "a number of eleven bytes": (framed(field(1, b"r") + field(30, BID + b"\x18" + b"\xff" * 10 + b"\x01")), "r"),
    "more than 256 messages": (framed(*[request("r", GOOD)] * 257), ""),
    "more than 64 KiB": (framed(request("r", GOOD), bytes(64 * KIB)), ""),
    "just under 1 MiB": (bytes(MIB - 1), ""),
}


@pytest_asyncio.fixture
async def alice(live: LiveExchange) -> AsyncIterator[RawSocket]:
    """A signed-in socket; market 1 exists."""
    async with signed_in(live.ws_url, live.token("alice")) as socket:
        if (await socket.ask(create_order=GOOD)).refused.code == pb.MARKET_NOT_FOUND:
            assert await new_market(socket) == 1
        yield socket


async def still_alive(socket: RawSocket) -> None:
    assert (await socket.ask(create_order=GOOD)).HasField("order_created")


@pytest.mark.parametrize("what", BROKEN)
async def test_a_bad_frame_is_refused_and_nothing_changes(live: LiveExchange, alice: RawSocket, what: str) -> None:
    data, request_id = BROKEN[what]
    tables = Tables(live.env)
    before = tables.digest()
    await alice.send_bytes(data)
    # "a good message and then garbage" is not a frame: none of it is done.
    refused = await alice.until(lambda message: message.HasField("refused"))
    assert (refused.refused.code, refused.request_id) == (pb.INVALID_FRAME, request_id)
    assert refused.refused.message
    assert tables.digest() == before
    await still_alive(alice)


async def test_a_text_frame_is_refused(live: LiveExchange, alice: RawSocket) -> None:
    tables = Tables(live.env)
    before = tables.digest()
    await alice.connection.send("BUY 100 GOLD")
    refused = await alice.until(lambda message: message.HasField("refused"))
    assert refused.refused.code == pb.INVALID_FRAME
    assert tables.digest() == before
    await still_alive(alice)


async def test_a_broken_message_does_not_affect_its_neighbours(alice: RawSocket) -> None:
    two = framed(field(1, b"two") + field(30, BID) + field(32, OUT))
    await alice.send_bytes(framed(request("one", GOOD)) + two + framed(request("three", GOOD)))
    replies: dict[str, pb.ServerMessage] = {}
    while len(replies) < 3:
        replies |= {message.request_id: message for message in await alice.receive() if message.request_id}
    assert replies["one"].HasField("order_created")
    assert replies["two"].refused.code == pb.INVALID_FRAME
    assert replies["three"].HasField("order_created")


async def test_more_than_1_mib_closes_that_socket_and_no_other(live: LiveExchange, alice: RawSocket) -> None:
    tables = Tables(live.env)
    before = tables.digest()
    async with signed_in(live.ws_url, live.token("alice")) as socket:
        with suppress(ConnectionClosed):  # closed while the client still sends
            await socket.send_bytes(bytes(MIB + 1))
        assert await socket.closed() in (1009, 1006)
    assert tables.digest() == before
    await still_alive(alice)


async def test_a_missing_status_is_refused(live: LiveExchange, alice: RawSocket) -> None:
    reply = await alice.ask(set_market_status=pb.SetMarketStatus(market_id=1))
    assert reply.refused.code == pb.INVALID_FRAME


NUMBERS = (-1, 0, 1, INT64_MAX, INT64_MIN, 10**17, 2**31, 2**32)
AMOUNT_FIELDS: list[tuple[str, pb.CreateOrder | pb.CreateMarket | pb.MakeTransfer | pb.Out, list[str]]] = [
    ("create_order", GOOD, ["market_id", "price", "size"]),
    (
        "create_market",
        pb.CreateMarket(name="Numbers", min_settlement=0, max_settlement=10_000),
        ["min_settlement", "max_settlement", "tick_size", "smallest_size"],
    ),
    (
        "make_transfer",
        pb.MakeTransfer(from_account_id=3, to_account_id=2, amount=1),
        ["from_account_id", "to_account_id", "amount"],
    ),
    ("out", pb.Out(market_id=1), ["market_id"]),
]


async def test_negative_and_huge_numbers_are_refused_or_harmless(live: LiveExchange, alice: RawSocket) -> None:
    codes: set[int] = set()
    async with signed_in(live.ws_url, live.token("bob")) as bob:  # this person may not settle Alice's market
        assert bob.account == 3
        await ask_all_numbers(bob, codes)
    assert pb.INTERNAL not in codes
    assert {pb.INVALID_PRICE, pb.INVALID_SIZE, pb.INVALID_AMOUNT, pb.INVALID_MARKET} <= codes
    assert {pb.MARKET_NOT_FOUND, pb.ORDER_NOT_FOUND, pb.ACCOUNT_NOT_FOUND, pb.NOT_ALLOWED} <= codes
    await still_alive(alice)


async def ask_all_numbers(socket: RawSocket, codes: set[int]) -> None:
    for kind, body, names in AMOUNT_FIELDS:
        for name in names:
            for number in NUMBERS:
                changed = type(body)()
                changed.CopyFrom(body)  # type: ignore[arg-type]
                setattr(changed, name, number)
                if kind == "create_market":
                    changed.name = f"{name} {number}"  # type: ignore[union-attr]
                codes.add((await socket.ask(**{kind: changed})).refused.code)
    for number in NUMBERS:
        for request_ in (
            {"cancel_order": pb.CancelOrder(order_id=number)},
            {"act_as": pb.ActAs(account_id=number)},
            {"subscribe": pb.Subscribe(subscriptions=one_market(number))},
            {"unsubscribe": pb.Unsubscribe(subscriptions=one_market(number))},
            {"settle_market": pb.SettleMarket(market_id=number, price=number)},
        ):
            codes.add((await socket.ask(**request_)).refused.code)


async def test_empty_subscriptions_are_refused(alice: RawSocket) -> None:
    for empty in (pb.Subscription(), pb.Subscription(all_markets=False), pb.Subscription(from_seq=7)):
        refused = await alice.ask(subscribe=pb.Subscribe(subscriptions=[empty]))
        assert refused.refused.code == pb.INVALID_FRAME
    await still_alive(alice)


async def test_too_long_texts_are_refused(alice: RawSocket) -> None:
    for key in ("k" * 37, "a\nb\x00", "\x1b[31m"):
        refused = await alice.ask(create_order=bid(1, 4_000, 100, client_order_id=key))
        assert refused.refused.code == pb.INVALID_TEXT
    for name, code in (("", pb.INVALID_NAME), ("x" * 41, pb.INVALID_NAME), ("\u200b\u202e", pb.INVALID_NAME)):
        assert (await alice.ask(create_account=pb.CreateAccount(name=name))).refused.code == code
    await still_alive(alice)


async def test_before_signing_in_everything_else_is_refused(live: LiveExchange, alice: RawSocket) -> None:
    async with raw_socket(live.ws_url) as socket:
        for other in ({"create_order": GOOD}, {"act_as": pb.ActAs(account_id=2)}, {"out": pb.Out()}):
            assert (await socket.ask(**other)).refused.code == pb.NOT_AUTHENTICATED
        await socket.send_bytes(b"\xff")
        assert (await socket.receive())[0].refused.code == pb.INVALID_FRAME
        assert (await socket.sign_in(live.token("alice")))[-1].HasField("acting_as")
        await still_alive(socket)
        again = await socket.ask(authenticate=pb.Authenticate(token=live.token("bob")))
        assert again.refused.code == pb.INVALID_FRAME  # an open socket cannot change its person


async def test_the_journal_has_no_refused_command(live: LiveExchange, alice: RawSocket) -> None:
    """Runs after all tests above, in whatever order they ran."""
    await still_alive(alice)
    live.verify()
