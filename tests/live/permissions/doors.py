"""The doors of a live exchange. Each is asked by one kind of person and gives an Answer: the codes that it may mean."""

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

WAIT_SECONDS = 45.0
CODES = frozenset(pb.Reason.keys())
NOT_FOUND = frozenset({name for name in CODES if name.endswith("_NOT_FOUND")} | {"NOT_FOUND"})
NEEDS_SUDO = frozenset({"NOT_ALLOWED", "SUDO_REQUIRED"})
# Headers that differ from answer to answer, and the length of what names the thing. X-RateLimit-Remaining stays: the
# exchange of the test fills buckets between any two questions, so that what is missing is what this one has cost.
PASSING = frozenset({"date", "x-request-id", "content-length", "set-cookie", "expires"})
SECRETS = re.compile(r"""value="[0-9a-zA-Z]{32,}"|nonce="[^"]+"|'nonce-[^']+'""")

# The sentences with which pages say a code.
SENTENCES = (
    ("There is no market", {"MARKET_NOT_FOUND"}),
    ("You have no such open order", {"ORDER_NOT_FOUND"}),
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
    """Of a kind: how they sign in at each door, as what they act there, and with sudo or without."""

    kind: str
    name: str = ""
    token: str = ""
    sudo: bool = False
    session: str = ""  # a cookie instead of a password
    pages: bool = True
    lines: dict[str, "Line"] = field(default_factory=dict)


def without(id: int, text: str) -> str:
    """The text without the id of what was asked about, as sentences ("market 7") and addresses ("/7/") have it."""
    return re.sub(rf"(?<=[a-z] |[a-z]/){id}(?!\d)", "N", text)


def lasting(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those that every answer of the same kind has."""
    named = ((name.lower(), SECRETS.sub("", value)) for name, value in headers)
    return tuple(sorted(header for header in named if header[0] not in PASSING))


class Door(Protocol):
    def ask(self, who: Person, acting: int, request: Any, id: int, anew: bool = False) -> Answer:
        """`acting`: the account acted as, 0 for their own; `id`: what is asked about; `anew`: see Operation."""

    def close(self) -> None: ...


class Line:
    """A socket, asked one thing after the other."""

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
    """One line each; what changes the line itself is asked on one of its own (`anew`)."""

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
        """A line of their own, signed in but without sudo."""
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
        """`request`: method, path, body (JSON, or a file's bytes), and headers if there are more than usual."""
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
    """Forms name the account that they are sent for; what is only looked at is looked at as the session's account."""

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
        """A request, or a list of such: then what is answered to all of them, no code if those are not alike."""
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
        if fields is None and at == "/admin/":  # where the admin leads from a row that is not there
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
