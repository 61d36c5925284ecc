"""Signing in: who may open a session, and how long a socket stays open without one."""

import asyncio

import pytest
from pytest_django.fixtures import Settings

from proto import exchange_pb2 as wire
from realtime import limits
from realtime.errors import CloseCode
from tests.realtime.world import QUIET_SECONDS, World, authenticate, client_frame, order, subscribe, until

OWN_ORIGIN = "http://testserver"


@pytest.fixture(autouse=True)
def hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://exchange.example"]
    settings.HTTPS = False
    settings.TRUSTED_PROXY_COUNT = 0


class TestToken:
    async def test_lets_in(self, world: World) -> None:
        alice = world.client()
        alice.send(authenticate("alice"))
        assert (await alice.reply("hello")).acting_as.account_id == 1
        assert alice.sent == [{"type": "websocket.accept"}]

    async def test_goes_no_further_than_the_consumer(self, world: World) -> None:
        await world.signed_in("alice")
        (message,) = world.matching.of("session")
        assert message["user"] == 1
        assert b"alice" not in message["data"]

    async def test_that_is_not_valid(self, world: World) -> None:
        mallory = world.client()
        mallory.send(authenticate("guess"))
        assert await mallory.refusal("hello") == wire.NOT_AUTHENTICATED
        assert mallory.outlet.code == CloseCode.NOT_AUTHENTICATED
        assert world.matching.received == []

    async def test_guesses_are_counted_by_address_and_keep_no_good_token_out(
        self, world: World, settings: Settings
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX = 3

        async def guess(address: str) -> wire.Refused:
            client = world.client(**{"X-Forwarded-For": f"forged, {address}"})
            client.send(authenticate("guess"))
            await client.refusal("hello")
            return client.outlet.messages[-1].refused

        for _ in range(3):
            assert (await guess("192.0.2.7")).code == wire.NOT_AUTHENTICATED
        too_many = await guess("192.0.2.7")
        assert too_many.code == wire.RATE_LIMITED
        assert 0 < too_many.retry_after_ms <= settings.SIGN_IN_FAILURES_SECONDS * 1_000
        assert "not valid" in too_many.message, "the token is what is wrong"
        assert (await guess("192.0.2.8")).code == wire.NOT_AUTHENTICATED
        alice = world.client(**{"X-Forwarded-For": "forged, 192.0.2.7"})
        alice.send(authenticate("alice"))
        assert (await alice.reply("hello")).HasField("acting_as")

    async def test_who_sends_nothing_has_guessed_nothing(self, world: World, settings: Settings) -> None:
        """As a page does after its person has signed out."""
        settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX = 1
        for _ in range(3):
            client = world.client(Origin=OWN_ORIGIN)
            client.send(authenticate(""))
            assert await client.refusal("hello") == wire.NOT_AUTHENTICATED

    async def test_guesses_are_forgotten(self, world: World, settings: Settings) -> None:
        settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX, settings.SIGN_IN_FAILURES_SECONDS = 1, 0
        for _ in range(3):
            client = world.client()
            client.send(authenticate("guess"))
            assert await client.refusal("hello") == wire.NOT_AUTHENTICATED


class TestOrigin:
    @pytest.mark.parametrize("origin", [OWN_ORIGIN, "https://exchange.example"])
    async def test_a_page_of_an_allowed_origin_signs_in_by_its_cookie(self, world: World, origin: str) -> None:
        page = world.client(Origin=origin, Cookie="theme=dark; sessionid=alice")
        page.send(authenticate(""))
        assert (await page.reply("hello")).HasField("acting_as")

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "https://testserver",
            "http://testserver:8000",
            "http://testserver.evil.example",
            "null",
        ],
    )
    async def test_any_other_is_refused(self, world: World, origin: str) -> None:
        page = world.client(Origin=origin, Cookie="sessionid=alice")
        page.send(authenticate("alice"))
        assert await page.refusal() == wire.NOT_ALLOWED
        assert page.outlet.code == CloseCode.ORIGIN_REFUSED
        assert page.sent == [{"type": "websocket.accept"}]
        await asyncio.sleep(QUIET_SECONDS)
        assert world.matching.received == []

    async def test_a_refusal_names_it_to_the_client_and_in_the_log(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = world.client(Origin="http://evil.example")
        assert await page.refusal() == wire.NOT_ALLOWED
        (said,) = [message.refused.message for message in page.outlet.messages]
        assert "http://evil.example" in said
        assert "CSRF_TRUSTED_ORIGINS" in said
        assert [one.levelname for one in caplog.records if "http://evil.example" in one.getMessage()] == ["WARNING"]

    async def test_a_host_that_is_not_ours(self, world: World) -> None:
        """A foreign name that resolves to this machine. Origin and Host agree."""
        page = world.client(Host="evil.example", Origin="http://evil.example", Cookie="sessionid=alice")
        assert await page.refusal() == wire.NOT_ALLOWED

    async def test_without_one_the_cookie_does_not_count(self, world: World) -> None:
        bot = world.client(Cookie="sessionid=alice")
        bot.send(authenticate(""))
        assert await bot.refusal("hello") == wire.NOT_AUTHENTICATED


class TestTimeout:
    async def test_ends(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "AUTHENTICATE_SECONDS_MAX", 0.03)
        nobody = world.client()
        assert await nobody.refusal() == wire.NOT_AUTHENTICATED
        assert nobody.outlet.code == CloseCode.NOT_AUTHENTICATED

    async def test_does_not_count_what_we_take(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "AUTHENTICATE_SECONDS_MAX", 0.03)
        world.matching.silent = True
        alice = world.client()
        alice.send(authenticate())
        await asyncio.sleep(0.1)
        await world.matching.answer(world.matching.of("session")[0])
        await alice.reply("hello")
        await asyncio.sleep(0.1)
        assert alice.outlet.code is None

    async def test_nothing_is_taken_before(self, world: World) -> None:
        nobody = world.client()
        nobody.send(order("o"), subscribe(1))
        assert await nobody.refusal("o") == await nobody.refusal("sub") == wire.NOT_AUTHENTICATED
        assert world.matching.received == []


class TestTheMatchersAnswer:
    async def test_a_refusal_leaves_the_socket_open_for_another_try(self, world: World) -> None:
        alice = world.client()
        world.matching.silent = True
        alice.send(authenticate(act_as=77))
        await until(lambda: world.matching.of("session"))
        refused = wire.ServerMessage(request_id="hello", refused=wire.Refused(code=wire.ACCOUNT_NOT_FOUND))
        await world.matching.replies(
            world.matching.of("session")[0], [wire.ServerFrame(messages=[refused]).SerializeToString()]
        )
        assert await alice.refusal("hello") == wire.ACCOUNT_NOT_FOUND
        world.matching.silent = False
        alice.send(authenticate())
        await until(lambda: len(alice.replies("hello")) == 2)
        assert alice.replies("hello")[1].HasField("acting_as")
        assert alice.outlet.code is None

    async def test_what_follows_in_the_frame_waits_for_it(self, world: World) -> None:
        alice = world.client()
        alice.send(authenticate(), order("o1"))
        assert (await alice.reply("o1")).seq == 101
        assert [message["account"] for message in world.matching.of("command")] == [1]

    async def test_once(self, world: World) -> None:
        alice = await world.signed_in()
        alice.send_bytes(client_frame(wire.ClientMessage(request_id="again", authenticate=wire.Authenticate())))
        assert await alice.refusal("again") == wire.INVALID_FRAME
        assert alice.outlet.code is None


class TestLimits:
    async def test_sockets_of_a_person(self, world: World, settings: Settings) -> None:
        settings.SOCKETS_MAX = 2
        first, _ = await world.signed_in("alice"), await world.signed_in("alice")
        third = world.client()
        third.send(authenticate("alice"))
        assert await third.refusal("hello") == wire.RATE_LIMITED
        assert third.outlet.code == CloseCode.TOO_MANY_SOCKETS
        await world.signed_in("bob")
        first.leave()
        await first.task
        await world.signed_in("alice")

    async def test_subscriptions_of_a_person(self, world: World, settings: Settings) -> None:
        settings.SUBSCRIPTIONS_MAX = 3
        phone, desk = await world.market_reader("alice", 1), await world.market_reader("alice", 1)
        phone.send(
            subscribe(1, request_id="known"), subscribe(2, request_id="third"), subscribe(3, request_id="fourth")
        )
        assert await phone.refusal("fourth") == wire.RATE_LIMITED
        assert phone.replies("known")[0].HasField("subscribed")
        assert phone.replies("third")[0].HasField("subscribed")
        desk.leave()
        await desk.task
        phone.send(subscribe(3, request_id="now"))
        assert (await phone.reply("now")).HasField("subscribed")

    async def test_subscriptions_of_the_sign_in_count(self, world: World, settings: Settings) -> None:
        settings.SUBSCRIPTIONS_MAX = 1
        alice = world.client()
        alice.send(authenticate(subscriptions=[wire.Subscription(market_id=1), wire.Subscription(all_markets=True)]))
        assert await alice.refusal("hello") == wire.RATE_LIMITED
        alice.send(authenticate(subscriptions=[wire.Subscription(all_markets=True)]))
        await until(lambda: any(one.HasField("acting_as") for one in alice.replies("hello")))


async def test_a_failing_look_up_is_answered(world: World) -> None:
    """The socket stays open, so that the client can try again when the database is back."""
    alice = world.client()
    world.look_up_fails = True
    alice.send(authenticate())
    assert await alice.refusal() == wire.INTERNAL
    world.look_up_fails = False
    alice.send(authenticate())
    assert (await alice.reply("hello")).HasField("acting_as")
