"""The examples of docs/operations.md for proxies with TLS: pages, forms, sockets and addresses work behind them.

Each example runs as printed, but on a free port, with a certificate of its own, and for localhost.
"""

import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from realtime.errors import CloseCode
from tests.live.documented import blocks
from tests.live.exchange import Browser, LiveExchange, Template
from tests.patience import STEP_SECONDS_MAX
from tests.services import missing

EXAMPLES = {
    block.language: block.text for block in blocks("docs/operations.md") if block.language in ("nginx", "caddy")
}
HOST, EXCHANGE = "exchange.example", "127.0.0.1:8000"  # in the examples
ENVIRONMENT = {"HTTPS": "1", "ALLOWED_HOSTS": "localhost", "TRUSTED_PROXY_COUNT": "1", "RATE_FACTOR": "1"}
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system {folder}/caddy
}}
{example}
"""


def replaced(example: str, *changes: tuple[str, str]) -> str:
    for printed, here in changes:
        assert printed in example
        example = example.replace(printed, here)
    return example


def nginx(folder: Path, port: int, exchange: LiveExchange) -> list[str]:
    """The command that runs nginx with the example."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1")
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    example = replaced(
        EXAMPLES["nginx"],
        ("listen 443", f"listen 127.0.0.1:{port}"),
        (HOST + ";", "localhost;"),
        (EXCHANGE, f"127.0.0.1:{exchange.port}"),
        (f"/etc/ssl/certs/{HOST}.pem", str(certificate)),
        (f"/etc/ssl/private/{HOST}.key", str(key)),
    )
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, example=example))
    return ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, port: int, exchange: LiveExchange) -> list[str]:
    """The command that runs Caddy with the example. For localhost it makes its certificate itself."""
    example = replaced(EXAMPLES["caddy"], (HOST, f"https://localhost:{port}"), (EXCHANGE, f"127.0.0.1:{exchange.port}"))
    (folder / "Caddyfile").write_text(CADDY.format(folder=folder, example=example))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[Path, int, LiveExchange], list[str]]] = {"nginx": nginx, "caddy": caddy}


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Behind:
    """The exchange as people reach it through the proxy."""

    def __init__(self, exchange: LiveExchange, port: int) -> None:
        self.exchange = exchange
        self.origin = f"https://localhost:{port}"
        self.ws_url = f"wss://localhost:{port}/ws"

    def browser(self) -> Browser:
        browser = Browser(self.origin)
        browser.use(urllib.request.HTTPSHandler(context=trusting()))
        return browser

    def socket(self, **headers: str) -> connect:
        origin = headers.pop("Origin", None)
        return connect(self.ws_url, ssl=trusting(), proxy=None, origin=origin, additional_headers=headers)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=PROXIES)
def behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Template
) -> Iterator[Behind]:
    name: str = request.param
    if shutil.which(name) is None:
        missing(name, f"install {name}")
    folder = tmp_path_factory.mktemp(name)
    exchange = LiveExchange(template, folder / "exchange", ENVIRONMENT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    log = folder / "proxy.log"
    with log.open("w") as output:
        proxy = subprocess.Popen(
            PROXIES[name](folder, port, exchange),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
        )
    found = Behind(exchange, port)
    last = time.monotonic() + STEP_SECONDS_MAX
    while not answers(found.browser()):
        assert proxy.poll() is None, log.read_text()
        assert time.monotonic() < last, log.read_text()
        time.sleep(0.05)
    yield found
    proxy.terminate()
    proxy.wait(STEP_SECONDS_MAX)
    exchange.close()


def answers(browser: Browser) -> bool:
    try:
        return browser.get("/api/v1/health").status == 200
    except OSError:
        return False


def test_people_sign_in_and_post_forms(behind: Behind) -> None:
    browser = behind.browser()
    browser.sign_in("alice", "pass-alice")
    page = browser.post("/accounts/new/", "/accounts/", name=f"Behind {behind.origin}", account=own_account(browser))
    assert page.url.startswith(behind.origin)
    assert "is created. Act as it to trade with it." in page.text
    assert all(cookie.secure for cookie in browser.cookies)


def own_account(browser: Browser) -> str:
    return browser.get("/portfolio/").text.partition('name="account" value="')[2].partition('"')[0]


async def signed_in(socket: ClientConnection, token: str = "") -> bool:
    await socket.send(
        pb.ClientFrame(messages=[pb.ClientMessage(authenticate=pb.Authenticate(token=token))]).SerializeToString()
    )
    frame = pb.ServerFrame.FromString(await socket.recv(decode=False))
    return frame.messages[0].HasField("authenticated")


async def to_the_end(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def test_a_pages_socket_opens_with_its_session(behind: Behind) -> None:
    browser = behind.browser()
    browser.sign_in("bob", "pass-bob")
    browser.get("/")
    async with behind.socket(Origin=behind.origin, Cookie=browser.cookie_header()) as socket:
        assert await signed_in(socket)


async def test_a_bots_socket_opens_with_its_token(behind: Behind) -> None:
    async with behind.socket() as socket:
        assert await signed_in(socket, behind.exchange.token("bob"))


async def test_a_page_of_another_origin_opens_no_socket(behind: Behind) -> None:
    browser = behind.browser()
    browser.sign_in("bob", "pass-bob")
    for origin in ("https://evil.example", behind.origin.replace("https:", "http:"), "https://localhost"):
        async with behind.socket(Origin=origin, Cookie=browser.cookie_header()) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await to_the_end(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.ORIGIN_REFUSED


def remaining(behind: Behind, forwarded: str = "") -> tuple[int, int]:
    """What an address without a sign-in may still read, and seconds until it is counted anew."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = urllib.request.Request(f"{behind.origin}/api/v1/time", headers=headers)
    page = behind.browser().open(request)
    found = {name.lower(): value for name, value in page.headers}
    return int(found["x-ratelimit-remaining"]), int(found["x-ratelimit-reset"])


def test_nobody_invents_an_address(behind: Behind) -> None:
    """What a visitor sends as X-Forwarded-For gives them no fresh allowance."""
    while True:
        counts = [remaining(behind, forwarded) for forwarded in ("", "192.0.2.7", "192.0.2.8, 192.0.2.9")]
        if sorted(counts, key=lambda count: -count[1]) == counts:  # no minute ended between them
            break
    (first, _), *others = counts
    assert [left for left, _ in others] == [first - 1, first - 2]


def test_plain_http_is_sent_to_https(behind: Behind) -> None:
    answer = requests.get(
        f"{behind.exchange.url}/sign-in/",
        headers={"Host": "localhost"},
        allow_redirects=False,
        timeout=STEP_SECONDS_MAX,
    )
    assert answer.headers["Location"] == "https://localhost/sign-in/"
