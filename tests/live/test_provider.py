"""Sign-in with an OpenID Connect provider and the rights of its access tokens, over HTTP and real sockets."""

import asyncio
import base64
import hashlib
import itertools
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.async_api import async_playwright, expect

from proto import exchange_pb2 as pb
from tests.live.exchange import Browser, LiveExchange, Template
from tests.live.forgeries import forgeries
from tests.live.provider import AUDIENCE, CLIENT, ROLE, Provider, provider, sign_in
from tests.live.raw_socket import raw_socket, signed_in
from tests.live.requests import new_market
from tests.live.rest import Door
from tests.live.test_browser import FLAGS, WAIT_MS
from tests.live.test_keys import shell
from tests.live.test_signing_out import is_closed_soon

PAUSE = "/admin/markets/market/1/pause/"
_addresses = itertools.count(1)


@pytest.fixture(scope="module")
def school() -> Iterator[Provider]:
    with provider() as one:
        yield one


@pytest.fixture(scope="module")
def live(template: Template, school: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExchange]:
    # A proxy header sets the address, so that one test's wrong tokens do not lock out the others.
    more = {**school.environment, "TRUSTED_PROXY_COUNT": "1"}
    exchange = LiveExchange(template, tmp_path_factory.mktemp("live") / "exchange", more)
    yield exchange
    exchange.close()


def person(live: LiveExchange, sub: str) -> dict[str, Any]:
    """The user with this `sub` of the provider."""
    code = (
        "import json; from allauth.socialaccount.models import SocialAccount as S;"
        f"u = S.objects.get(uid={sub!r}).user; print(json.dumps(dict(id=u.pk, username=u.username, email=u.email,"
        "first=u.first_name, password=u.has_usable_password(), staff=u.is_staff, account=u.account.name,"
        "operates=u.has_perm('markets.operate_exchange'))))"
    )
    found: dict[str, Any] = json.loads(shell(live, code))
    return found


class TestSigningIn:
    def test_opens_an_account_for_a_person_without_a_password(self, live: LiveExchange, school: Provider) -> None:
        school.user(
            "sub-dora", name="Dora Dent", given_name="Dora", preferred_username="dora", email="dora@school.example"
        )
        browser = live.browser()
        page = sign_in(browser, "sub-dora", "/sign-in/?next=/portfolio/")
        assert (page.status, page.url) == (200, f"{live.url}/portfolio/")
        dora = person(live, "sub-dora")
        assert (dora["username"], dora["email"], dora["first"]) == ("dora", "dora@school.example", "Dora")
        assert not dora["password"]
        assert not dora["staff"]
        assert dora["account"].startswith("Dora")
        assert sign_in(live.browser(), "sub-dora").status == 200
        assert person(live, "sub-dora")["id"] == dora["id"]

    def test_proves_that_who_asks_is_who_gets_the_code(self, live: LiveExchange, school: Provider) -> None:
        sign_in(live.browser(), "sub-dora")
        asked, got = school.asked("/oauth2/authorize")[-1], school.asked("/oauth2/token")[-1]
        digest = hashlib.sha256(got["code_verifier"].encode()).digest()
        assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert asked["code_challenge_method"] == "S256"
        assert (asked["audience"], asked["client_id"]) == (AUDIENCE, CLIENT)
        assert "prompt" not in asked

    def test_a_code_without_its_state_is_nobodys(self, live: LiveExchange) -> None:
        browser = live.browser()
        page = browser.get("/sign-in/school/callback/?code=x&state=guess")
        assert page.url == f"{live.url}/sign-in/"
        assert "Sign-in with the school failed." in page.text
        assert browser.get("/portfolio/").url.startswith(f"{live.url}/sign-in/")
        assert browser.get("/sign-in/other/callback/?code=x&state=guess").status == 404

    def test_who_changes_their_mind_is_back_where_they_began(self, live: LiveExchange) -> None:
        browser = live.browser()
        form = browser.post("/sign-in/provider/", "/sign-in/", next="/statement/")
        page = browser.open(urllib.request.Request(form.url, b"action=deny"))
        assert page.url == f"{live.url}/sign-in/?next=/statement/"
        assert "Sign-in with the school failed." in page.text

    def test_somebodys_address_does_not_make_one_them(self, live: LiveExchange, school: Provider) -> None:
        shell(
            live, "from accounts.models import User; User.objects.filter(username='bob').update(email='bob@x.example')"
        )
        school.user("sub-evil", preferred_username="bob", email="bob@x.example", email_verified=True)
        sign_in(live.browser(), "sub-evil")
        evil = person(live, "sub-evil")
        assert evil["id"] != live.people["bob"]["id"]
        assert evil["username"] != "bob"
        assert evil["email"] == ""

    def test_a_provider_that_is_away_is_told(
        self, start_exchange: Callable[..., LiveExchange], school: Provider
    ) -> None:
        alone = start_exchange(**{**school.environment, "EXCHANGE_OIDC_ISSUER": "http://127.0.0.1:9"})
        page = alone.browser().post("/sign-in/provider/", "/sign-in/", next="/statement/")
        assert page.url == f"{alone.url}/sign-in/?next=/statement/"
        assert "the school cannot be reached" in page.text
        alone.browser().sign_in("alice", "pass-alice")  # a password is enough

    @pytest.mark.browser
    async def test_in_a_browser_under_the_policy(
        self, live: LiveExchange, school: Provider, chromium_path: str
    ) -> None:
        school.user("sub-emil", name="Emil Ek", preferred_username="emil")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
            page = await browser.new_page()
            page.set_default_timeout(WAIT_MS)
            answer = await page.goto(f"{live.url}/sign-in/")
            assert answer is not None
            policy = answer.headers["content-security-policy"]
            assert f"form-action 'self' {school.issuer};" in f"{policy};"
            await page.get_by_role("button", name="Continue with the school").click()
            await page.fill("input[name=sub]", "sub-emil")
            await page.get_by_role("button", name="Authorize").click()
            await expect(page.get_by_test_id("connection")).to_contain_text("live")
            await expect(page.get_by_test_id("acting-as")).to_contain_text("Emil Ek")
            await browser.close()


class TestOperators:
    def test_are_those_whom_the_provider_names_as_long_as_it_does(self, live: LiveExchange, school: Provider) -> None:
        roles = [{"id": "r1", "key": ROLE, "name": "Operators"}]
        ways: tuple[dict[str, Any], ...] = ({"roles": roles}, {"access": {"roles": roles}})
        for way in ways:
            school.user("sub-olga", preferred_username="olga", auth_time=int(time.time()), **way)
            browser = live.browser()
            sign_in(browser, "sub-olga")
            olga = person(live, "sub-olga")
            assert (olga["staff"], olga["operates"]) == (True, True), way
            assert browser.get("/admin/accounts/account/1/change/").status == 200
            school.user("sub-olga", preferred_username="olga", roles=["x"])
            assert "Operator console" not in sign_in(live.browser(), "sub-olga").text
            olga = person(live, "sub-olga")
            assert (olga["staff"], olga["operates"]) == (False, False)
            assert browser.get("/admin/accounts/account/1/change/").status == 403  # open pages lose their session too

    async def test_show_afresh_at_the_provider_that_it_is_them(self, live: LiveExchange, school: Provider) -> None:
        async with signed_in(live.ws_url, live.token("alice")) as alice:
            await new_market(alice)
        await asyncio.to_thread(self._operates, live, school)

    def _operates(self, live: LiveExchange, school: Provider) -> None:
        long_ago = int(time.time()) - 3600
        school.user("sub-omar", preferred_username="omar", roles=[ROLE], auth_time=long_ago)
        browser = live.browser()
        sign_in(browser, "sub-omar")  # the provider still had his session
        signed_out(browser, PAUSE)
        school.user("sub-omar", preferred_username="omar", roles=[ROLE], auth_time=int(time.time()))
        page = sign_in(browser, "sub-omar", f"/sign-in/?next={PAUSE}")
        asked = school.asked("/oauth2/authorize")[-1]
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
        assert page.url == live.url + PAUSE
        done = browser.post(PAUSE, key=key_of(page.text))
        assert "entry" in done.text

    def test_a_provider_that_does_not_tell_when_is_believed_if_it_was_asked(
        self, live: LiveExchange, school: Provider
    ) -> None:
        school.user("sub-olaf", preferred_username="olaf", roles=[ROLE], auth_time=None)
        browser = live.browser()
        sign_in(browser, "sub-olaf")
        gift = "/admin/accounts/account/2/gift/"
        signed_out(browser, gift)
        page = sign_in(browser, "sub-olaf", f"/sign-in/?next={gift}")
        assert page.url == live.url + gift
        sign_in(browser, "sub-olaf")  # without a new question to the provider, an old sign-in no longer counts
        signed_out(browser, gift)


def signed_out(browser: Browser, page: str) -> None:
    """The page asks for a new sign-in; a button starts it."""
    again = f"/sign-in/afresh/?next={page}"
    asked = browser.get(page)
    assert asked.url == browser.url + again
    assert browser.post("/sign-in/afresh/", again, next=page).url == f"{browser.url}/sign-in/?next={page}"


def key_of(text: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{32})"', text)
    assert found is not None, text[:2000]
    return found[1]


async def refused(live: LiveExchange, token: str) -> bool:
    """Whether the socket refuses the token. Each try comes from an address of its own."""
    address = {"X-Forwarded-For": f"192.0.2.{next(_addresses)}"}
    async with raw_socket(live.ws_url, additional_headers=address) as socket:
        reply = (await socket.sign_in(token))[0]
        assert reply.refused.code in (0, pb.NOT_AUTHENTICATED), reply
        return reply.refused.code == pb.NOT_AUTHENTICATED


def bearer(live: LiveExchange, token: str) -> requests.Response:
    """A REST request with the token, each time from an address of its own."""
    return Door(live, Authorization=f"Bearer {token}", X_Forwarded_For=f"192.0.2.{next(_addresses)}").ask("GET", "/me")


class TestAccessTokens:
    async def test_open_sockets_of_who_has_signed_in_once(self, live: LiveExchange, school: Provider) -> None:
        school.user("sub-finn", name="Finn Fox", preferred_username="finn")
        assert await refused(live, school.sign("sub-finn"))
        await asyncio.to_thread(sign_in, live.browser(), "sub-finn")
        async with signed_in(live.ws_url, school.sign("sub-finn")) as socket:
            assert await new_market(socket) > 0
            gift = await socket.ask(gift=pb.Gift(to_account_id=2, amount=1))
            assert gift.refused.code == pb.NOT_ALLOWED

    async def test_of_operators_turn_on_sudo_as_long_as_both_say_so(self, live: LiveExchange, school: Provider) -> None:
        """Both are needed: the token names the role, and the person is an operator."""
        school.user("sub-otto", preferred_username="otto", roles=[ROLE], auth_time=int(time.time()))
        await asyncio.to_thread(sign_in, live.browser(), "sub-otto")
        sudo = pb.SetSudo(on=True)
        async with signed_in(live.ws_url, school.sign("sub-otto")) as plain:
            assert (await plain.ask(set_sudo=sudo)).refused.code == pb.NOT_ALLOWED
        async with signed_in(live.ws_url, school.sign("sub-otto", roles=[ROLE])) as otto:
            gift = pb.Gift(to_account_id=otto.account, amount=1)
            assert (await otto.ask(gift=gift)).refused.code == pb.SUDO_REQUIRED
            assert (await otto.ask(set_sudo=sudo)).sudo_set.on
            assert (await otto.ask(gift=gift)).HasField("transfer_created")
            school.user("sub-otto", preferred_username="otto", roles=[])
            await asyncio.to_thread(sign_in, live.browser(), "sub-otto")
            await is_closed_soon(otto)
        async with signed_in(live.ws_url, school.sign("sub-otto", roles=[ROLE])) as otto:
            assert (await otto.ask(set_sudo=sudo)).refused.code == pb.NOT_ALLOWED

    async def test_end_with_the_person(self, live: LiveExchange, school: Provider) -> None:
        school.user("sub-gus", preferred_username="gus")
        await asyncio.to_thread(sign_in, live.browser(), "sub-gus")
        async with signed_in(live.ws_url, school.sign("sub-gus")) as socket:
            deactivate = "from accounts.models import User; User.objects.filter(username='gus').update(is_active=False)"
            await asyncio.to_thread(shell, live, deactivate)
            await is_closed_soon(socket)
        assert await refused(live, school.sign("sub-gus"))

    async def test_end_with_their_time(self, live: LiveExchange, school: Provider) -> None:
        school.user("sub-hal", preferred_username="hal")
        await asyncio.to_thread(sign_in, live.browser(), "sub-hal")
        soon = int(time.time()) - 26  # the clocks may differ by 30 s
        async with signed_in(live.ws_url, school.sign("sub-hal", exp=soon)) as socket:
            await is_closed_soon(socket)

    def test_open_rest_and_forged_ones_do_not(self, live: LiveExchange, school: Provider) -> None:
        school.user("sub-rita", preferred_username="rita")
        sign_in(live.browser(), "sub-rita")
        assert bearer(live, school.sign("sub-rita")).json()["username"] == "rita"
        for name, token in forgeries(school, "sub-rita").items():
            try:
                answer = bearer(live, token)
            except (requests.ConnectionError, UnicodeError, requests.exceptions.InvalidHeader):
                continue  # not a valid HTTP header: the client or the server rejects it
            assert answer.status_code in (400, 401), name
            assert "username" not in answer.text, name

    async def test_forged_ones_open_nothing(self, live: LiveExchange, school: Provider) -> None:
        school.user("sub-ida", preferred_username="ida")
        await asyncio.to_thread(sign_in, live.browser(), "sub-ida")
        assert not await refused(live, school.sign("sub-ida"))
        school.requests.clear()
        for name, token in forgeries(school, "sub-ida").items():
            assert await refused(live, token), name
        assert not await refused(live, school.sign("sub-ida"))
        assert len(school.requests) <= 2  # its configuration and its keys, once each, whichever keys the tokens name
        assert {path for path, _ in school.requests} <= {"/.well-known/openid-configuration", "/jwks"}
