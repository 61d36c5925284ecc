"""REST remembers tokens. A change of what a token is good for counts for the next request, in every process."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.live.exchange import SplitExchange, free_port, manage
from tests.live.rest import Door, own
from tests.live.test_keys import TRADE, new_token
from tests.live.test_signing_out import python

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

OUTSIDE_SECONDS_MAX = 30.0  # credentials are looked up every 5 s
ROUNDS = 5  # each with a token of its own: a process that is told late would often be asked in time


class SplitWeb(SplitExchange):
    """Another web process of a split exchange, whose matcher and database it uses."""

    def __init__(self, first: SplitExchange) -> None:
        self.matcher = first.matcher
        self.people, self.env = first.people, first.env
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = first.folder / "second.log"
        self.start()

    def launch(self) -> None:
        with self.log.open("a") as log:
            arguments = ("runexchange", "--role", "web", "--port", str(self.port))
            self.process = manage(*arguments, env=self.env, stdout=log, stderr=subprocess.STDOUT)


@pytest.fixture
def split(start_split: Callable[..., SplitExchange]) -> SplitExchange:
    return start_split()


@pytest.fixture
def webs(split: SplitExchange) -> Iterator[tuple[SplitExchange, SplitWeb]]:
    """Two web processes of one exchange."""
    second = SplitWeb(split)
    yield split, second
    second.kill()


def doors(webs: tuple[SplitExchange, SplitWeb], token: str, **headers: str) -> list[Door]:
    """One door to each process. Both have answered, so both remember the token."""
    found = [Door(web, Authorization=f"Bearer {token}", **headers) for web in webs]
    for door in found * 2:
        door.get("/time")
        door.get("/portfolio")
    return found


def answers(door: Door) -> set[int]:
    """The statuses of a read from the tables, of one from memory, and of a command."""
    asked = (("GET", "/me"), ("GET", "/time"), ("POST", "/orders/out"))
    return {door.ask(method, path, json={} if method == "POST" else None).status_code for method, path in asked}


def test_a_revoked_token_is_refused_on_the_next_request(webs: tuple[SplitExchange, SplitWeb]) -> None:
    browser = webs[0].browser("alice")
    own(Door(webs[0], "alice"))
    for _ in range(ROUNDS):
        token = new_token(webs[0], browser, TRADE)
        both = doors(webs, token)
        assert [answers(door) for door in both] == [{200}, {200}]
        newest = re.findall(r"/keys/\d+/revoke/", browser.get("/keys/").text)[0]
        browser.post(newest, "/keys/")
        assert [answers(door) for door in reversed(both)] == [{401}, {401}]


def test_a_deactivated_person_is_refused_on_the_next_request(webs: tuple[SplitExchange, SplitWeb]) -> None:
    console, who = webs[0].browser("operator"), webs[0].people["bob"]["id"]
    own(Door(webs[0], "bob"))
    both = doors(webs, webs[0].token("bob"))
    page = console.post(f"/admin/accounts/user/{who}/change/", username="bob")
    assert page.status == 200, page.text[-2000:]
    assert [answers(door) for door in reversed(both)] == [{401}, {401}]
    console.post(f"/admin/accounts/user/{who}/change/", username="bob", is_active="on")
    assert [answers(door) for door in reversed(both)] == [{200}, {200}]


def test_a_lost_account_ends_the_tokens_that_are_bound_to_it(webs: tuple[SplitExchange, SplitWeb]) -> None:
    alice, bob = Door(webs[0], "alice"), Door(webs[0], "bob")
    partner = own(bob)
    own(alice)
    team = alice.post("/accounts", name="Team")["account"]["id"]
    alice.post(f"/accounts/{team}/share", receiver_id=partner)
    both = doors(webs, new_token(webs[0], webs[0].browser("bob"), TRADE, account=team))
    bob.post(f"/accounts/{team}/leave")
    assert [answers(door) for door in reversed(both)] == [{401}, {401}]


def test_a_change_from_outside_is_noticed_soon(webs: tuple[SplitExchange, SplitWeb]) -> None:
    """Another process writes to the database, and no matcher hears of it."""
    token = webs[0].token("carol")
    own(Door(webs[0], "carol"))
    both = doors(webs, token)
    python(webs[0], f"from accounts import tokens; tokens.revoke_token(tokens.find_token({token!r}))")
    last = time.monotonic() + OUTSIDE_SECONDS_MAX
    while [answers(door) for door in both] != [{401}, {401}]:
        assert time.monotonic() < last, "the token is still good"
