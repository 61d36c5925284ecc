"""Who has added a day's bytes to the journal is refused at every door, told until when, and after a restart too."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import RawSocket, signed_in
from tests.live.requests import bid, new_market
from tests.live.rest import Door

QUOTA_BYTES = 20_000
FRAME = 10
SLACK_SECONDS = 300  # between the refusal and our look at the clock


def seconds_of_the_day_left() -> float:
    now = datetime.now(UTC)
    return 86_400 - (now.hour * 3_600 + now.minute * 60 + now.second)


async def use_up(socket: RawSocket, market: int) -> pb.Refused:
    """Bids until it is refused; returns the refusal. An accepted bid takes 50 to 1,000 bytes."""
    order = pb.ClientMessage(request_id="order", create_order=bid(market, 1, 1))
    accepted = 0
    while True:
        await socket.send(*[order] * FRAME)
        answers: list[pb.ServerMessage] = []
        while len(answers) < FRAME:
            answers += [message for message in await socket.receive() if message.request_id == "order"]
        refused = [answer.refused for answer in answers if answer.HasField("refused")]
        accepted += FRAME - len(refused)
        if refused:
            assert QUOTA_BYTES / 1_000 < accepted < QUOTA_BYTES / 50
            return refused[0]


async def test_a_day_that_is_used_up_ends_at_every_door(start_exchange: Callable[..., LiveExchange]) -> None:
    live = start_exchange(RATE_FACTOR="1", JOURNAL_MEGABYTES_A_DAY=str(QUOTA_BYTES / 1_000_000))
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(bob)
        first = await alice.ask(create_order=bid(market, 1, 1, client_order_id="first"))
        refused = await use_up(alice, market)
        assert refused.code == pb.RATE_LIMITED
        assert "0.02 MB" in refused.message
        assert abs(refused.retry_after_ms / 1_000 - seconds_of_the_day_left()) < SLACK_SECONDS

        door = Door(live, "alice")
        ordered = door.ask("POST", "/orders", json={"market_id": market, "side": "BID", "price": "1", "size": "1"})
        assert (ordered.status_code, ordered.json()["code"]) == (HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED")
        assert abs(int(ordered.headers["Retry-After"]) - seconds_of_the_day_left()) < SLACK_SECONDS
        browser = live.browser("alice")
        page = browser.post("/accounts/new/", "/accounts/", account=alice.account, key="new", name="Another desk")
        assert "to the journal today" in page.text

        # A repeat executes nothing, a cancel has a reserve, reads add nothing, and others have their own day.
        again = await alice.ask(create_order=bid(market, 1, 1, client_order_id="first"))
        assert (again.replayed, again.seq) == (True, first.seq)
        assert (await alice.ask(out=pb.Out(market_id=market))).HasField("orders_cancelled")
        assert door.ask("GET", "/me").status_code == HTTPStatus.OK
        assert (await bob.ask(create_order=bid(market, 1, 1))).HasField("order_created")
    live.restart()
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        assert (await alice.ask(create_order=bid(market, 1, 1))).refused.code == pb.RATE_LIMITED
        assert (await bob.ask(create_order=bid(market, 1, 1))).HasField("order_created")


async def test_the_limit_can_be_switched_off(start_exchange: Callable[..., LiveExchange]) -> None:
    live = start_exchange(JOURNAL_MEGABYTES_A_DAY="0")
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        market = await new_market(alice)
        assert (await alice.ask(create_order=bid(market, 1, 1))).HasField("order_created")
