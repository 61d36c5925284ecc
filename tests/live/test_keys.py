"""API tokens over a real socket: their scopes, and the account that they are bound to."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import Browser, LiveExchange, manage
from tests.live.raw_socket import RawSocket, raw_socket, signed_in
from tests.live.requests import bid, hundred, new_market, one_market
from tests.live.test_signing_out import is_closed_soon
from tests.patience import STEP_SECONDS_MAX

TRADE, TRANSFER, MANAGE, SUDO = "2", "4", "8", "16"


def new_token(live: LiveExchange, browser: Browser, *scopes: str, account: int = 0) -> str:
    """Makes a token on the page, as a person does; returns it."""
    key = re.search(r'name="key" value="([0-9a-f]{32})"', browser.get("/keys/").text)
    assert key is not None
    fields: dict[str, Any] = {"key": key[1], "name": "bot", "days": 7, "account": account or "", "scopes": scopes}
    page = browser.post("/keys/", **fields)
    found = re.search(r'data-testid="secret">(xt_[-\w]{43})<', page.text)
    assert found is not None, page.text
    return found[1]


async def token_for(live: LiveExchange, name: str, *scopes: str, account: int = 0) -> str:
    browser = await asyncio.to_thread(live.browser, name)
    return await asyncio.to_thread(new_token, live, browser, *scopes, account=account)


def requests_by_scope(socket: RawSocket, market: int) -> dict[str, dict[str, Any]]:
    """Scope -> a request that it allows; all of them would succeed."""
    return {
        TRADE: {"create_order": bid(market, 10, 100)},
        TRANSFER: {"make_transfer": pb.MakeTransfer(from_account_id=socket.account, to_account_id=3, amount=1)},
        MANAGE: {"create_market": hundred(f"By a token of {socket.account} with {market}")},
    }


@pytest.mark.parametrize("scopes", [(), (TRADE,), (TRANSFER,), (MANAGE,), (TRADE, MANAGE)])
async def test_a_token_may_do_what_its_scopes_allow(live: LiveExchange, scopes: tuple[str, ...]) -> None:
    async with signed_in(live.ws_url, live.token("alice")) as alice, signed_in(live.ws_url, live.token("bob")):
        market = await new_market(alice)
        token = await token_for(live, "alice", *scopes)
        async with signed_in(live.ws_url, token) as socket:
            subscribed = await socket.ask(subscribe=pb.Subscribe(subscriptions=[pb.Subscription(market_id=market)]))
            assert subscribed.HasField("subscribed")  # every token has scope read
            for scope, request in requests_by_scope(socket, market).items():
                reply = await socket.ask(**request)
                assert reply.refused.code == (0 if scope in scopes else pb.NOT_ALLOWED), (scope, reply)


async def test_a_bound_token_acts_as_its_account_and_no_other(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("carol")) as carol:
        market = await new_market(carol)
        alt = (await carol.ask(create_account=pb.CreateAccount(name="Carol's bot"))).account_created.account.id
        await carol.ask(make_transfer=pb.MakeTransfer(from_account_id=carol.account, to_account_id=alt, amount=10_000))
        token = await token_for(live, "carol", TRADE, TRANSFER, MANAGE, account=alt)
        async with signed_in(live.ws_url, token) as bot:
            assert [message.acting_as.account_id for message in bot.received if message.HasField("acting_as")] == [alt]
            order = (await bot.ask(create_order=bid(market, 10, 100))).order_created.order
            assert order.account_id == alt
            back = pb.MakeTransfer(from_account_id=alt, to_account_id=carol.account, amount=1)
            assert (await bot.ask(make_transfer=back)).HasField("transfer_created")
            for request in (
                {"make_transfer": pb.MakeTransfer(from_account_id=carol.account, to_account_id=alt, amount=1)},
                {"create_account": pb.CreateAccount(name="Below me", owner_id=carol.account)},
                {"act_as": pb.ActAs(account_id=carol.account)},
            ):
                assert (await bot.ask(**request)).refused.code == pb.ACCOUNT_NOT_FOUND, request


async def test_losing_the_account_closes_a_bound_tokens_sockets(live: LiveExchange) -> None:
    """An owner leaves the account. The sockets close within seconds, whichever check comes first."""
    async with (
        signed_in(live.ws_url, live.token("student5")) as owner,
        signed_in(live.ws_url, live.token("student6")) as partner,
    ):
        alt = (await owner.ask(create_account=pb.CreateAccount(name="Ours"))).account_created.account.id
        shared = await owner.ask(share_account=pb.ShareAccount(account_id=alt, receiver_id=partner.account))
        assert shared.HasField("owners_changed")
        token = await token_for(live, "student6", TRADE, account=alt)
        async with signed_in(live.ws_url, token) as bot:
            left = await partner.ask(leave_account=pb.LeaveAccount(account_id=alt))
            assert left.HasField("owners_changed")
            await is_closed_soon(bot)
        async with raw_socket(live.ws_url) as socket:
            assert (await socket.sign_in(token))[0].refused.code == pb.NOT_AUTHENTICATED


async def test_a_token_revoked_on_the_page_closes_its_sockets(live: LiveExchange) -> None:
    browser = await asyncio.to_thread(live.browser, "student7")
    token = await asyncio.to_thread(new_token, live, browser, TRADE)
    async with signed_in(live.ws_url, token) as socket:
        page = await asyncio.to_thread(browser.get, "/keys/")
        path = re.findall(r"/keys/\d+/revoke/", page.text)[0]  # the newest comes first
        await asyncio.to_thread(lambda: browser.post(path, "/keys/"))
        await is_closed_soon(socket)


async def test_sudo_takes_the_scope_and_the_person(live: LiveExchange) -> None:
    """The other tokens of these tests have all scopes."""
    browser = await asyncio.to_thread(live.browser, "operator")
    plain = await asyncio.to_thread(new_token, live, browser, TRADE, TRANSFER, MANAGE)
    sudo = await asyncio.to_thread(new_token, live, browser, TRADE, SUDO)
    for token, refusal in ((live.token("alice"), True), (plain, True), (sudo, False), (live.token("operator"), False)):
        async with signed_in(live.ws_url, token) as socket:
            reply = await socket.ask(set_sudo=pb.SetSudo(on=True))
            assert reply.refused.code == (pb.NOT_ALLOWED if refusal else 0), reply


async def test_a_bound_token_in_sudo_sees_everything_and_acts_as_its_account(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("alice")) as alice, operators(live) as operator:
        exam = hundred("Exam of Alice")
        exam.visible_to.ids.append(alice.account)
        hidden = (await operator.ask(create_market=exam)).market_created.market.id
        token = await token_for(live, "operator", TRADE, TRANSFER, SUDO, account=operator.account)
        async with signed_in(live.ws_url, token) as bot:
            subscribe = pb.Subscribe(subscriptions=one_market(hidden))
            assert (await bot.ask(subscribe=subscribe)).refused.code == pb.MARKET_NOT_FOUND
            assert (await bot.ask(set_sudo=pb.SetSudo(on=True))).sudo_set.on
            assert (await bot.ask(subscribe=subscribe)).subscribed.streams == [f"market.{hidden}"]
            payment = pb.MakeTransfer(from_account_id=alice.account, to_account_id=bot.account, amount=1)
            for request in ({"act_as": pb.ActAs(account_id=alice.account)}, {"make_transfer": payment}):
                assert (await bot.ask(**request)).refused.code == pb.ACCOUNT_NOT_FOUND, request


@asynccontextmanager
async def operators(live: LiveExchange) -> AsyncIterator[RawSocket]:
    """A socket of the operator in sudo."""
    async with signed_in(live.ws_url, live.token("operator")) as socket:
        await socket.ask(set_sudo=pb.SetSudo(on=True))
        yield socket


async def test_a_person_who_stops_being_an_operator_loses_their_sudo_sockets(live: LiveExchange) -> None:
    code = (
        "from accounts.models import User; from accounts.tokens import create_token; import json;"
        "from django.contrib.auth.models import Permission;"
        "user = User.objects.create(username='was', is_staff=True);"
        "user.user_permissions.add(Permission.objects.get(codename='operate_exchange'));"
        "print(json.dumps([create_token(user, 'a', scopes=31)[1], create_token(user, 'b')[1]]))"
    )
    sudo, plain = json.loads(await asyncio.to_thread(shell, live, code))
    async with signed_in(live.ws_url, sudo) as operator, signed_in(live.ws_url, plain) as trader:
        await asyncio.to_thread(
            shell, live, "from accounts.models import User; User.objects.get(username='was').user_permissions.clear()"
        )
        await is_closed_soon(operator)
        assert (await trader.ask(out=pb.Out())).HasField("orders_cancelled")


def shell(live: LiveExchange, code: str) -> str:
    done = manage("shell", "--no-imports", "-c", code, env=live.env, stdout=subprocess.PIPE)
    output, _ = done.communicate(timeout=STEP_SECONDS_MAX)
    assert done.returncode == 0
    return output
