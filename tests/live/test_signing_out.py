"""Who may open a socket, and how losing that right closes the ones that are open, within seconds."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from realtime import limits
from tests.live.exchange import Browser, LiveExchange, manage
from tests.live.raw_socket import RawSocket, raw_socket, signed_in
from tests.patience import STEP_SECONDS_MAX

NOT_AUTHENTICATED = 4001  # the close code for lost rights
ORIGIN_REFUSED = 4003
TOO_MANY_SOCKETS = 4029
CLOSED_SECONDS_MAX = STEP_SECONDS_MAX  # sessions and tokens are checked every 5 s


def as_browser(browser: Browser, origin: str = "") -> dict[str, Any]:
    """Options of a socket that one of our pages opens, or a page of another origin in the same browser."""
    return {"origin": origin or browser.url, "additional_headers": {"Cookie": browser.cookie_header()}}


def python(live: LiveExchange, code: str) -> None:
    """Runs code in another process on the same database, as the admin might."""
    done = manage("shell", "--no-imports", "-c", code, env=live.env, stdout=subprocess.DEVNULL)
    assert done.wait(30) == 0


async def is_closed_soon(socket: RawSocket) -> None:
    begin = time.monotonic()
    assert await socket.closed() == NOT_AUTHENTICATED
    assert time.monotonic() - begin < CLOSED_SECONDS_MAX
    assert socket.received[-1].refused.code == pb.NOT_AUTHENTICATED


async def refused_with(socket: RawSocket, code: int, reason: int) -> None:
    assert await socket.closed() == code
    assert [message.refused.code for message in socket.received] == [reason]


class TestOpening:
    async def test_our_own_page_signs_in_with_its_cookie(self, live: LiveExchange) -> None:
        browser = await asyncio.to_thread(live.browser, "alice")
        async with raw_socket(live.ws_url, **as_browser(browser)) as socket:
            assert (await socket.sign_in(""))[0].authenticated.user_id == live.people["alice"]["id"]

    @pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1", "null"])
    async def test_another_origin_is_refused_even_with_cookie_or_token(self, live: LiveExchange, origin: str) -> None:
        browser = await asyncio.to_thread(live.browser, "alice")
        async with raw_socket(live.ws_url, **as_browser(browser, origin)) as socket:
            with suppress(ConnectionClosed):  # refused before its first message
                await socket.send(pb.ClientMessage(authenticate=pb.Authenticate(token=live.token("alice"))))
            await refused_with(socket, ORIGIN_REFUSED, pb.NOT_ALLOWED)

    async def test_a_cookie_alone_is_not_enough_without_an_origin(self, live: LiveExchange) -> None:
        browser = await asyncio.to_thread(live.browser, "alice")
        headers = as_browser(browser)["additional_headers"]
        async with raw_socket(live.ws_url, additional_headers=headers) as socket:
            await socket.send(pb.ClientMessage(authenticate=pb.Authenticate()))
            await refused_with(socket, NOT_AUTHENTICATED, pb.NOT_AUTHENTICATED)

    @pytest.mark.parametrize("token", ["", "not-a-token", "x" * 1_000])
    async def test_a_wrong_token_ends_the_socket(self, live: LiveExchange, token: str) -> None:
        async with raw_socket(live.ws_url) as socket:
            await socket.send(pb.ClientMessage(authenticate=pb.Authenticate(token=token)))
            await refused_with(socket, NOT_AUTHENTICATED, pb.NOT_AUTHENTICATED)

    async def test_a_socket_that_does_not_sign_in_is_closed(self, start_exchange: Callable[..., LiveExchange]) -> None:
        hasty = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.hasty")
        begin = time.monotonic()
        async with raw_socket(hasty.ws_url) as socket:
            await refused_with(socket, NOT_AUTHENTICATED, pb.NOT_AUTHENTICATED)
        assert 0.9 < time.monotonic() - begin < CLOSED_SECONDS_MAX / 3

    def test_a_socket_has_10_seconds_to_sign_in(self) -> None:
        assert limits.AUTHENTICATE_SECONDS_MAX == 10

    async def test_a_person_has_at_most_20_sockets(self, live: LiveExchange) -> None:
        async with asyncio.TaskGroup() as tasks:
            done = asyncio.Event()
            opened = [tasks.create_task(hold(live, "student0", done)) for _ in range(25)]
            while sum(task.done() for task in opened) < 5:  # noqa: ASYNC110 - the 20 others have nothing to say
                await asyncio.sleep(0.02)
            done.set()
        assert sorted(task.result() for task in opened) == [0] * 20 + [TOO_MANY_SOCKETS] * 5


async def hold(live: LiveExchange, name: str, done: asyncio.Event) -> int:
    """The close code; 0 if the socket was accepted, which then stays open until `stack` ends."""
    async with raw_socket(live.ws_url) as socket:
        if (await socket.sign_in(live.token(name)))[-1].HasField("refused"):
            assert socket.received[-1].refused.code == pb.RATE_LIMITED
            return await socket.closed()
        await done.wait()
        return 0


class TestClosing:
    async def test_signing_out_closes_the_sockets_of_that_session(self, live: LiveExchange) -> None:
        browser = await asyncio.to_thread(live.browser, "bob")
        other = await asyncio.to_thread(live.browser, "bob")
        async with (
            raw_socket(live.ws_url, **as_browser(browser)) as socket,
            raw_socket(live.ws_url, **as_browser(other)) as elsewhere,
            signed_in(live.ws_url, live.token("bob")) as bot,
        ):
            await socket.sign_in("")
            await elsewhere.sign_in("")
            await asyncio.to_thread(browser.post, "/sign-out/")
            await is_closed_soon(socket)
            for one in (elsewhere, bot):
                assert (await one.ask(out=pb.Out())).HasField("orders_cancelled")

    async def test_a_new_password_closes_the_sockets_of_all_sessions(self, live: LiveExchange) -> None:
        browser = await asyncio.to_thread(live.browser, "carol")
        other = await asyncio.to_thread(live.browser, "carol")
        async with (
            raw_socket(live.ws_url, **as_browser(browser)) as socket,
            raw_socket(live.ws_url, **as_browser(other)) as elsewhere,
        ):
            await socket.sign_in("")
            await elsewhere.sign_in("")
            new = "a longer and better one"
            fields = {"oldpassword": "pass-carol", "password1": new, "password2": new}
            page = await asyncio.to_thread(lambda: browser.post("/password/", **fields))
            assert page.status == 200
            await asyncio.gather(is_closed_soon(socket), is_closed_soon(elsewhere))
        # The person who changed it stays signed in.
        async with raw_socket(live.ws_url, **as_browser(browser)) as socket:
            assert (await socket.sign_in(""))[0].HasField("authenticated")
        async with raw_socket(live.ws_url, **as_browser(other)) as socket:
            assert (await socket.sign_in(""))[0].refused.code == pb.NOT_AUTHENTICATED

    async def test_a_revoked_token_closes_its_sockets(self, live: LiveExchange) -> None:
        token = live.token("student1")
        async with (
            signed_in(live.ws_url, token) as socket,
            signed_in(live.ws_url, live.token("student2")) as somebody,
        ):
            revoke = f"from accounts import tokens; tokens.revoke_token(tokens.find_token({token!r}))"
            await asyncio.to_thread(python, live, revoke)
            await is_closed_soon(socket)
            assert (await somebody.ask(out=pb.Out())).HasField("orders_cancelled")
        async with raw_socket(live.ws_url) as socket:
            assert (await socket.sign_in(token))[0].refused.code == pb.NOT_AUTHENTICATED

    async def test_a_deactivated_person_loses_every_socket(self, live: LiveExchange) -> None:
        browser = await asyncio.to_thread(live.browser, "student3")
        async with (
            raw_socket(live.ws_url, **as_browser(browser)) as page,
            signed_in(live.ws_url, live.token("student3")) as bot,
        ):
            await page.sign_in("")
            deactivate = "User.objects.filter(username='student3').update(is_active=False)"
            await asyncio.to_thread(python, live, f"from accounts.models import User; {deactivate}")
            await asyncio.gather(is_closed_soon(page), is_closed_soon(bot))
        async with raw_socket(live.ws_url, **as_browser(browser)) as page, raw_socket(live.ws_url) as bot:
            assert (await page.sign_in(""))[0].refused.code == pb.NOT_AUTHENTICATED
            assert (await bot.sign_in(live.token("student3")))[0].refused.code == pb.NOT_AUTHENTICATED
