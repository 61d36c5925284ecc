"""Two exchanges on one host, on two ports: browsers send both the cookies of both."""

from collections.abc import Callable
from http.cookiejar import CookieJar
from urllib.parse import urlsplit

from tests.live.exchange import Browser, LiveExchange


def side_by_side(one: LiveExchange, other: LiveExchange) -> tuple[Browser, Browser]:
    """The same browser at each of them. As in real ones, a cookie's host has no port."""
    browsers = Browser(one.url), Browser(other.url)
    assert urlsplit(one.url).hostname == urlsplit(other.url).hostname
    browsers[1].share_cookies(browsers[0])
    return browsers


def cookie_names(jar: CookieJar) -> list[str]:
    return sorted(cookie.name.split("_")[0] for cookie in jar)


def test_neither_signs_the_others_browser_out(start_exchange: Callable[..., LiveExchange]) -> None:
    one, other = start_exchange(), start_exchange(SECRET_KEY="another exchange's secret" * 2)
    here, there = side_by_side(one, other)
    here.sign_in("operator", "pass-operator")
    there.sign_in("alice", "pass-alice")
    assert cookie_names(here.cookies) == ["csrf", "csrf"] + 4 * ["session"], "each its session and its known browser"
    here.post("/sudo/", "/portfolio/", on=1, next="/portfolio/")
    assert 'data-testid="sudo-banner"' in here.get("/portfolio/").text
    page = there.get("/portfolio/")
    assert page.url == other.url + "/portfolio/"
    assert 'data-testid="sudo-banner"' not in page.text
    there.post("/sign-out/")
    assert there.get("/portfolio/").url.startswith(other.url + "/sign-in/")
    assert 'data-testid="sudo-banner"' in here.get("/portfolio/").text


def test_the_suffix_of_the_names_may_be_set(start_exchange: Callable[..., LiveExchange]) -> None:
    browser = start_exchange(COOKIE_SUFFIX="class_of_26").browser("alice")
    names = sorted(cookie.name for cookie in browser.cookies)
    assert names == ["csrf_class_of_26", "session_class_of_26", "session_class_of_26_known"]
