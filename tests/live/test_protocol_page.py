"""docs/protocol.md is true: its bytes are its messages, and an exchange answers them as it says."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message
from websockets.sync.client import ClientConnection, connect

from proto import exchange_pb2 as pb
from realtime.errors import CloseCode
from tests.live.exchange import LiveExchange
from tests.patience import STEP_SECONDS_MAX

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BLOCK = re.compile(r"```text (\w+)\n(.*?)\n```\n\n```hex\n(.*?)\n```", re.DOTALL)
KINDS: dict[str, type[Message]] = {"ClientFrame": pb.ClientFrame, "ServerFrame": pb.ServerFrame}


def blocks() -> Iterator[tuple[type[Message], str, bytes]]:
    for kind, text, hexed in BLOCK.findall(PAGE.read_text()):
        yield KINDS[kind], text, bytes.fromhex(hexed)


def test_the_page_has_messages() -> None:
    assert len(list(blocks())) == 8


@pytest.mark.parametrize(("kind", "text", "data"), list(blocks()))
def test_the_bytes_on_the_page_are_its_messages(kind: type[Message], text: str, data: bytes) -> None:
    assert kind.FromString(data) == text_format.Parse(text, kind())


def test_the_page_lists_every_close_code() -> None:
    documented = set(
        re.findall(r"\b[14]\d{3}\b", PAGE.read_text().partition("## Coming back")[2].partition("\n## ")[0])
    )
    assert {str(code.value) for code in CloseCode} <= documented


def test_the_page_names_the_codes_after_which_a_client_retries_or_recovers() -> None:
    page = PAGE.read_text()
    assert all(code in page for code in ("KEY_CONFLICT", "OUTCOME_UNKNOWN", "RATE_LIMITED", "BUSY", "INVALID_FRAME"))


def test_an_exchange_answers_as_the_page_says(start_exchange: Callable[..., LiveExchange]) -> None:
    """Repeats the page's history and sends its bytes. Only the token, the epoch and the times differ."""
    exchange = start_exchange()
    page = list(blocks())
    documented = [normal(pb.ServerFrame.FromString(data)) for kind, _, data in page if kind is pb.ServerFrame]
    sign_in, order = (pb.ClientFrame.FromString(data) for kind, _, data in page if kind is pb.ClientFrame)
    with opened(exchange, "operator") as operator, opened(exchange, "alice"), opened(exchange, "bob") as bob:
        create_market = pb.CreateMarket(name="GOLD", max_settlement=10_000)
        say(operator, pb.ClientMessage(request_id="m", create_market=create_market))
        offer = pb.CreateOrder(market_id=1, side=pb.OFFER, price=5_200, size=500)
        say(bob, pb.ClientMessage(request_id="o", create_order=offer))
        sign_in.messages[0].authenticate.token = exchange.token("alice")
        with connect(exchange.ws_url) as alice:
            alice.send(sign_in.SerializeToString())
            received = until(alice, lambda message: message.HasField("acting_as"))
            alice.send(order.SerializeToString())
            received += until(alice, lambda message: message.HasField("portfolio_updated"))
    received = list(normal(pb.ServerFrame(messages=received)).messages)
    for frame in documented:
        first = received.index(frame.messages[0])
        assert received[first : first + len(frame.messages)] == list(frame.messages)


@contextmanager
def opened(exchange: LiveExchange, name: str) -> Iterator[ClientConnection]:
    """A signed-in socket. Signing in opens the person's account."""
    with connect(exchange.ws_url) as socket:
        sign_in = pb.Authenticate(token=exchange.token(name))
        socket.send(pb.ClientFrame(messages=[pb.ClientMessage(authenticate=sign_in)]).SerializeToString())
        until(socket, lambda message: message.HasField("acting_as"))
        yield socket


def say(socket: ClientConnection, message: pb.ClientMessage) -> None:
    """Sends a request and waits for its reply."""
    socket.send(pb.ClientFrame(messages=[message]).SerializeToString())
    (*_, reply) = until(socket, lambda answer: answer.request_id == message.request_id)
    assert not reply.HasField("refused"), reply


def until(socket: ClientConnection, last: Callable[[pb.ServerMessage], bool]) -> list[pb.ServerMessage]:
    """All messages up to the first for which `last` is true."""
    received: list[pb.ServerMessage] = []
    while not (received and last(received[-1])):
        for message in pb.ServerFrame.FromString(socket.recv(timeout=STEP_SECONDS_MAX, decode=False)).messages:
            received.append(message)
            if last(message):
                break
    return received


def normal(frame: pb.ServerFrame) -> pb.ServerFrame:
    """The frame without what differs from run to run."""
    for message in frame.messages:
        forget_times(message)
    return frame


def forget_times(message: Message) -> None:
    for field, value in message.ListFields():
        if field.name.endswith("_us") or field.name == "epoch":
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for part in value if isinstance(value, Sequence) else [value]:
                forget_times(part)
