"""A request for a page runs on one thread of few, and what may wait on a thread of its own."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from exchange.handler import PAGE_THREADS, Handler
from exchange.turns import SESSION_MAX

WAIT_SECONDS = 20.0


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


threads: list[str] = []  # of middlewares and views, in the order in which they ran
released = threading.Event()
at_once = threading.Barrier(PAGE_THREADS)


def thread() -> str:
    return threading.current_thread().name


def outer(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def answer(request: HttpRequest) -> HttpResponseBase:
        threads.append(thread())
        response = get_response(request)
        threads.append(thread())
        return response

    return answer


def page(request: HttpRequest) -> HttpResponse:
    threads.append(thread())
    return HttpResponse(request.read() or b"page")


def pair(request: HttpRequest) -> HttpResponse:
    """Waits until every thread of pages is here."""
    at_once.wait(WAIT_SECONDS)
    return page(request)


def held(request: HttpRequest) -> HttpResponse:
    released.wait(WAIT_SECONDS)
    return page(request)


async def later(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(b"later")


def parts(request: HttpRequest) -> StreamingHttpResponse:
    def content() -> Iterator[bytes]:
        threads.append(thread())
        yield b"one "
        yield b"two"

    return StreamingHttpResponse(content())


def parts_later(request: HttpRequest) -> StreamingHttpResponse:
    async def content() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two"):
            await asyncio.sleep(0)
            yield part

    return StreamingHttpResponse(content())


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("of the test")


def long(request: HttpRequest) -> HttpResponse:
    return HttpResponse("long " * 1_000, content_type=request.GET.get("type", "text/html"))


def failed(request: HttpRequest) -> HttpResponse:
    return HttpResponse("failed", status=500)


handler500 = failed
urlpatterns = [
    path("page/", page),
    path("pair/", pair),
    path("held/", held),
    path("later/", later),
    path("parts/", parts),
    path("parts-later/", parts_later),
    path("broken/", broken),
    path("long/", long),
    path("sign-in/provider/", page),
    path("admin/", page),
]


@pytest.fixture
def handler(settings: Any) -> Handler:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["exchange.compression.GZipMiddleware", f"{__name__}.outer"]
    threads.clear()
    return Handler()


async def answer(handler: Handler, address: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    where, _, query = address.partition("?")
    scope = {"type": "http", "method": method, "path": where, "query_string": query.encode()}
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    messages: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Mapping[str, Any]) -> None:
        messages.append(message)

    async with asyncio.timeout(WAIT_SECONDS):
        await handler({**scope, "headers": [(b"host", b"localhost"), *sent]}, receive, send)
    content = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(messages[0]["status"], dict(messages[0]["headers"]), content)


async def test_middlewares_and_view_of_a_page_run_on_one_thread_of_pages(handler: Handler) -> None:
    response = await answer(handler, "/page/")
    assert (response.status, response.body) == (200, b"page")
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert threads[0].startswith("pages")


async def test_many_pages_share_few_threads(handler: Handler) -> None:
    await asyncio.gather(*(answer(handler, "/pair/") for _ in range(5 * PAGE_THREADS)))
    assert len(set(threads)) == PAGE_THREADS


@pytest.mark.parametrize(("method", "address"), [("POST", "/page/"), ("GET", "/sign-in/provider/"), ("GET", "/admin/")])
async def test_what_may_wait_has_another_thread(handler: Handler, method: str, address: str) -> None:
    response = await answer(handler, address, method, b"typed" if method == "POST" else b"")
    assert response.body == (b"typed" if method == "POST" else b"page")
    assert len(set(threads)) == 1
    assert not threads[0].startswith("pages")


@pytest.mark.parametrize("address", ["/later/", "/parts/", "/parts-later/"])
async def test_every_kind_of_answer_arrives_whole_and_ends_once(handler: Handler, address: str) -> None:
    ended: list[str] = []

    def on_end(**_: object) -> None:
        ended.append(thread())

    request_finished.connect(on_end)
    try:
        response = await answer(handler, address)
    finally:
        request_finished.disconnect(on_end)
    assert response.body == (b"later" if address == "/later/" else b"one two")
    assert len(ended) == 1


async def test_content_is_read_on_the_thread_that_made_the_answer(handler: Handler) -> None:
    await answer(handler, "/parts/")
    assert len(set(threads)) == 1


async def test_a_view_that_fails_is_500_and_the_thread_goes_on(handler: Handler) -> None:
    for _ in range(2 * PAGE_THREADS):
        assert (await answer(handler, "/broken/")).status == 500
    assert (await answer(handler, "/page/")).status == 200


async def test_one_session_cannot_make_everybody_wait(handler: Handler) -> None:
    released.clear()
    mine, others = (f"{settings.SESSION_COOKIE_NAME}={name}" for name in ("mine", "others"))
    waiting = [asyncio.create_task(answer(handler, "/held/", cookie=mine)) for _ in range(SESSION_MAX)]
    other = asyncio.create_task(answer(handler, "/page/", cookie=others))
    try:
        await asyncio.sleep(0)
        refused = await answer(handler, "/held/", cookie=mine)
        posted = await answer(handler, "/page/", "POST", b"typed", cookie=mine)
    finally:
        released.set()
    assert (refused.status, refused.headers[b"Retry-After"]) == (429, b"1")
    assert refused.body == b"Too many pages at once. Wait a second and load this page again.\n"
    assert posted.body == b"typed"
    assert {response.status for response in await asyncio.gather(other, *waiting)} == {200}
    assert (await answer(handler, "/page/", cookie=mine)).status == 200


async def test_a_refusal_has_the_security_headers_of_a_page(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.turns.SESSION_MAX", 0)
    refused = await answer(handler, "/page/", cookie=f"{settings.SESSION_COOKIE_NAME}=mine")
    assert refused.status == 429
    assert refused.headers[b"X-Content-Type-Options"] == b"nosniff"
    assert b"default-src 'none'" in refused.headers[b"Content-Security-Policy"]
    assert (refused.headers[b"X-Frame-Options"], refused.headers[b"Referrer-Policy"]) == (b"DENY", b"same-origin")


@pytest.mark.parametrize("proxies", [0, 1])
async def test_one_address_with_invented_sessions_cannot_make_everybody_wait(
    handler: Handler, settings: Any, proxies: int
) -> None:
    """With a proxy, its clients are told apart; without one, their header is not believed."""
    settings.TRUSTED_PROXY_COUNT = proxies
    released.clear()
    ended: list[str] = []

    async def ask(address: str, name: str, client: str) -> None:
        await answer(handler, address, cookie=f"{settings.SESSION_COOKIE_NAME}={name}", x_forwarded_for=client)
        ended.append(name)

    strangers = [asyncio.create_task(ask("/held/", f"invented-{i}", "192.0.2.1")) for i in range(50)]
    await asyncio.sleep(0)
    mine = asyncio.create_task(ask("/page/", "mine", "192.0.2.2"))
    await asyncio.sleep(0)
    released.set()
    await asyncio.gather(mine, *strangers)
    ahead = ended.index("mine")
    assert ahead <= 2 * PAGE_THREADS if proxies else ahead >= 50 - PAGE_THREADS


async def test_a_thread_of_pages_keeps_a_connection_to_sqlite(handler: Handler) -> None:
    kept = await asyncio.wrap_future(handler._pages.submit(lambda: connection.settings_dict["CONN_MAX_AGE"]))
    assert kept is (None if connection.vendor == "sqlite" else 0)
    assert connection.settings_dict["CONN_MAX_AGE"] == 0


async def test_html_is_compressed_and_nothing_else(handler: Handler) -> None:
    page = await answer(handler, "/long/", accept_encoding="gzip")
    assert page.headers[b"Content-Encoding"] == b"gzip"
    assert gzip.decompress(page.body) == b"long " * 1_000
    plain = [await answer(handler, "/long/"), await answer(handler, "/long/?type=text/csv", accept_encoding="gzip")]
    assert {response.body for response in plain} == {b"long " * 1_000}


async def test_compressed_pages_have_lengths_that_betray_nothing(handler: Handler) -> None:
    lengths = {len((await answer(handler, "/long/", accept_encoding="gzip")).body) for _ in range(20)}
    assert len(lengths) > 1
