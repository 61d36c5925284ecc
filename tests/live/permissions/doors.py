"""The doors of a live exchange. Each sends one person's request and returns an Answer: the codes that it may mean."""

import itertools
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit
from urllib.request import Request

import requests
from websockets.sync.client import connect

from proto import exchange_pb2 as pb
from tests.live.exchange import Browser, LiveExchange, Page
from tests.live.permissions.table import ALLOWED
from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX
CODES = frozenset(pb.Reason.keys())
NOT_FOUND = frozenset({name for name in CODES if name.endswith("_NOT_FOUND")} | {"NOT_FOUND"})
NEEDS_SUDO = frozenset({"NOT_ALLOWED", "SUDO_REQUIRED"})
# Headers that differ from answer to answer. Content-Length is one of them because answers name the thing.
# X-RateLimit-Remaining is compared: buckets of the test's exchange are full again before each request, so the header
# shows what this request cost.
PASSING = frozenset({"date", "x-request-id", "content-length", "set-cookie", "expires"})
SECRETS = re.compile(r"""value="[0-9a-zA-Z]{32,}"|nonce="[^"]+"|'nonce-[^']+'""")

# Sentences on pages -> the codes that they stand for.
SENTENCES = (
    ("There is no market", {"MARKET_NOT_FOUND"}),
    ("You have no such open order", {"ORDER_NOT_FOUND"}),
    ("Your order .* is filled", {"ORDER_FILLED"}),
    ("Your order .* is cancelled already", {"ORDER_CANCELLED"}),
    ("There is no auction", {"AUCTION_NOT_FOUND"}),
    ("may (not|no longer) act as this account", {"ACCOUNT_NOT_FOUND"}),
    ("(There is|You have|No) (no )?account", {"ACCOUNT_NOT_FOUND"}),
    ("seller cannot be the buyer|cannot give to itself", {"SAME_ACCOUNT"}),
    ("[Yy]ou cannot buy from yourself", {"SAME_PERSON"}),
    ("operators? in sudo|needs sudo", NEEDS_SUDO),
    ("Administrators make tokens for people", {"NOT_ALLOWED"}),
    ("Only a user account can share|Only a direct owner", {"NOT_ALLOWED"}),
    ("You have no such token", {"NOT_FOUND"}),
    ("is not one of the available choices", {"NOT_ALLOWED", "SUDO_REQUIRED"}),
    ("This share has ended", NOT_FOUND),
)


@dataclass(frozen=True)
class Answer:
    """`details`: everything that could distinguish two answers of one door, without the id of the thing."""

    codes: frozenset[str]
    details: tuple[Any, ...]

    def means(self, cell: str) -> bool:
        return cell in self.codes


@dataclass
class Person:
    """One kind of person: how they sign in at each door, and whether with sudo."""

    kind: str
    name: str = ""
    token: str = ""
    sudo: bool = False
    session: str = ""  # a session cookie, used instead of a password
    pages: bool = True
    lines: dict[str, "Line"] = field(default_factory=dict)


def without(id: int, text: str) -> str:
    """Replaces the thing's id by N, in sentences ("market 7") and addresses ("/7/")."""
    return re.sub(rf"(?<=[a-z] |[a-z]/){id}(?!\d)", "N", text)


def lasting(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers that are the same in every answer of the same kind, without secrets."""
    named = ((name.lower(), SECRETS.sub("", value)) for name, value in headers)
    return tuple(sorted(header for header in named if header[0] not in PASSING))


class Door(Protocol):
    def ask(self, who: Person, acting: int, request: Any, id: int, anew: bool = False) -> Answer:
        """`acting`: the account to act as, 0 for their own. `id`: the thing in question. `anew`: see Operation."""

    def close(self) -> None: ...


class Line:
    """A socket that waits for each reply before the next request."""

    def __init__(self, url: str) -> None:
        self._open = ExitStack()
        how: dict[str, Any] = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None}
        self._connection = self._open.enter_context(connect(url, proxy=None, **how))
        self._ids = itertools.count(1)
        self.acting = 0
        self.account = 0

    def ask(self, **request: Any) -> pb.ServerMessage:
        id = str(next(self._ids))
        self._connection.send(pb.ClientFrame(messages=[pb.ClientMessage(request_id=id, **request)]).SerializeToString())
        reply = None
        while reply is None:
            reply = next((message for message in self._next() if message.request_id == id), None)
        return reply

    def _next(self) -> list[pb.ServerMessage]:
        data = self._connection.recv(WAIT_SECONDS)
        assert isinstance(data, bytes)
        messages = list(pb.ServerFrame.FromString(data).messages)
        for message in messages:
            if message.HasField("authenticated"):
                self.account = message.authenticated.account_id
            if message.HasField("acting_as"):
                self.acting = message.acting_as.account_id
        return messages

    def sign_in(self, token: str, act_as: int = 0) -> pb.ServerMessage:
        reply = self.ask(authenticate=pb.Authenticate(token=token, act_as=act_as))
        while reply.HasField("authenticated") and not self.acting:
            self._next()
        return reply

    def good(self, **request: Any) -> pb.ServerMessage:
        reply = self.ask(**request)
        assert not reply.HasField("refused"), reply
        return reply

    def act_as(self, account: int) -> None:
        if account not in (0, self.acting):
            self.good(act_as=pb.ActAs(account_id=account))

    def close(self) -> None:
        self._open.close()


class Socket:
    """One Line for each kind of person. `anew`: a Line of its own, for requests that change the Line."""

    name = "socket"

    def __init__(self, exchange: LiveExchange) -> None:
        self._url = exchange.ws_url
        self._lines: dict[str, Line] = {}

    def ask(self, who: Person, acting: int, request: Mapping[str, Any], id: int, anew: bool = False) -> Answer:
        line = self._line(who, anew)
        if anew and who.name and "authenticate" not in request:
            line.sign_in(who.token)
        try:
            if "authenticate" in request:
                reply = line.sign_in(who.token, request["authenticate"].act_as)
            else:
                if who.name:
                    line.act_as(acting or line.account)
                reply = line.ask(**request)
        finally:
            if anew or not who.name:
                line.close()
        code = pb.Reason.Name(reply.refused.code) if reply.HasField("refused") else ALLOWED
        return Answer(frozenset({code}), (code, without(id, reply.refused.message)))

    def _line(self, who: Person, anew: bool) -> Line:
        if who.kind in self._lines and not anew:
            return self._lines[who.kind]
        line = Line(self._url)
        if not who.name or anew:
            return line
        line.sign_in(who.token)
        if who.sudo:
            line.good(set_sudo=pb.SetSudo(on=True))
        return self._lines.setdefault(who.kind, line)

    def fresh(self, who: Person) -> Line:
        """A new Line, signed in without sudo."""
        line = Line(self._url)
        line.sign_in(who.token)
        return line

    def close(self) -> None:
        for line in self._lines.values():
            line.close()


class Rest:
    name = "rest"

    def __init__(self, exchange: LiveExchange) -> None:
        self._url = f"{exchange.url}/api/v1"
        self._session = requests.Session()

    def ask(self, who: Person, acting: int, request: tuple[Any, ...], id: int, anew: bool = False) -> Answer:
        """`request`: method, path, body (JSON, or a file's bytes) and, optionally, further headers."""
        method, path, body, *more = request
        headers = {"Authorization": f"Bearer {who.token}"} if who.name else {}
        if who.name and acting:
            headers["X-Act-As"] = str(acting)
        if who.sudo:
            headers["X-Sudo"] = "true"
        headers |= more[0] if more else {}
        sent = {"data" if isinstance(body, bytes) else "json": body}
        answer = self._session.request(method, self._url + path, headers=headers, timeout=WAIT_SECONDS, **sent)
        content = answer.json()
        if answer.ok:
            return Answer(frozenset({ALLOWED}), (answer.status_code,))
        shown = {name: value for name, value in content.items() if name != "request_id"}
        kept = lasting(answer.headers.items())
        return Answer(frozenset({content["code"]}), (answer.status_code, without(id, str((shown, kept)))))

    def close(self) -> None:
        self._session.close()


class _Browsers:
    def __init__(self, exchange: LiveExchange) -> None:
        self._exchange = exchange
        self._browsers: dict[str, Browser] = {}
        self._tokens: dict[str, str] = {}
        self._acting: dict[str, int] = {}

    def browser(self, who: Person) -> Browser:
        if who.kind not in self._browsers:
            browser = Browser(self._exchange.url)
            if who.session:
                browser.resume(who.session)
            elif who.name:
                browser.sign_in(who.name, f"pass-{who.name}")
            if who.sudo:
                self.turn_on_sudo(browser, who)
            self._browsers[who.kind] = browser
            page = browser.get("/portfolio/" if who.name else "/sign-in/")
            found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert found is not None, page.text[:2000]
            self._tokens[who.kind] = found[1]
        return self._browsers[who.kind]

    def turn_on_sudo(self, browser: Browser, who: Person) -> None:
        assert "Sudo is on" in browser.post("/sudo/", "/portfolio/").text

    def send(self, who: Person, path: str, fields: Mapping[str, Any] | None) -> Page:
        browser = self.browser(who)
        if fields is None:
            return browser.get(path)
        data = urlencode({"csrfmiddlewaretoken": self._tokens[who.kind], **fields}, doseq=True).encode()
        url = self._exchange.url + path
        return browser.open(Request(url, data, {"Referer": url}))

    def close(self) -> None:
        self._browsers.clear()


class Pages(_Browsers):
    """A form names the account that it acts for. A page is read as the account that the session acts as."""

    name = "pages"

    def ask(
        self, who: Person, acting: int, request: tuple[str, Mapping[str, Any] | None], id: int, anew: bool = False
    ) -> Answer:
        path, fields = request
        own = acting or self._own(who)
        if who.name and self._acting.get(who.kind) != own and fields is None:
            self.send(who, "/act-as/", {"account": own})
            self._acting[who.kind] = own
        if fields is not None and "account" not in fields:
            fields = {"account": own, **fields}
        if path == "/act-as/":
            self._acting.pop(who.kind, None)
        return answer_of(self.send(who, path, fields), id)

    def _own(self, who: Person) -> int:
        return int(self._exchange.people[who.name]["account"]) if who.name else 0


class Console(_Browsers):
    """The Django admin."""

    name = "console"

    def ask(self, who: Person, acting: int, request: Any, id: int, anew: bool = False) -> Answer:
        """`request`: one, or a list. A list gives the codes that all answers share, or what differed."""
        steps = request if isinstance(request, list) else [request]
        answers = [self._answer(who, path, fields, id) for path, fields in steps]
        alike = frozenset.intersection(*(answer.codes for answer in answers))
        if alike:
            return Answer(alike, answers[0].details)
        apart = {f"{path}: {', '.join(answer.codes)}" for (path, _), answer in zip(steps, answers, strict=True)}
        return Answer(frozenset(apart), ())

    def _answer(self, who: Person, path: str, fields: Mapping[str, Any] | None, id: int) -> Answer:
        page = self.send(who, path, fields)
        answer, at = answer_of(page, id), urlsplit(page.url).path
        here = at == urlsplit(path).path
        if fields is None and page.status == 200 and here:
            return Answer(frozenset({ALLOWED}), (200,))
        if fields is None and at == "/admin/":  # the admin redirects here if the row does not exist
            return Answer(NOT_FOUND, ())
        came_back = here and 'data-testid="secret"' not in page.text
        return Answer(frozenset({"FORM_CAME_BACK"}), ()) if answer.means(ALLOWED) and came_back else answer


def answer_of(page: Page, id: int) -> Answer:
    path = urlsplit(page.url).path
    if path == "/sign-in/":
        return Answer(frozenset({"NOT_AUTHENTICATED"}), (path,))
    if path == "/sign-in/again/":
        return Answer(frozenset({"SUDO_REQUIRED"}), (path,))
    text, headers = SECRETS.sub("", page.text), lasting(page.headers)
    if page.status == 404:
        return Answer(NOT_FOUND, (404, without(id, text.replace(path, "THE ADDRESS")), headers))
    if page.status != 200:
        code = {403: "NOT_ALLOWED", 503: "BUSY"}.get(page.status, f"STATUS_{page.status}")
        return Answer(frozenset({code}), (page.status, headers))
    wrong = [unescape(words).strip() for words in _complaints(page.text)]
    if not wrong:
        return Answer(frozenset({ALLOWED}), (200,))
    codes = frozenset(code for words in wrong for code in codes_of(words))
    return Answer(codes, (tuple(without(id, words) for words in wrong), without(id, path), headers))


def _complaints(text: str) -> Iterable[str]:
    yield from re.findall(r'data-kind="error">([^<]*)<', text)
    yield from re.findall(r'console-refused" role="alert">([^<]*)<', text)
    yield from re.findall(r"errorlist[^>]*><li>([^<]*)<", text)
    yield from re.findall(r"text-red-600 text-xs[^>]*>\s*<ul>\s*<li>([^<]*)<", text)
    yield from re.findall(r"bg-blue-100[^>]*>([^<]+)<", text)
    yield from re.findall(r'text-offer" role="alert">([^<]+)<', text)


def codes_of(words: str) -> frozenset[str]:
    for pattern, codes in SENTENCES:
        if re.search(pattern, words):
            return frozenset(codes)
    return frozenset({f"UNKNOWN: {words}"})
