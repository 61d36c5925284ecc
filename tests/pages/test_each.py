"""Rows that are rendered once, for everybody who sees the same."""

from typing import NamedTuple

import pytest
from django.template import Context, Template
from django.utils.safestring import mark_safe

from accounts.selectors import TransferRow
from accounts.templatetags import each
from markets.models import Market, Side
from markets.reads.selectors import Print, Rung
from tests.pages.conftest import World, browser_of
from tests.pages.html import read

TAPE = Template('{% load each %}{% each "markets/_trade_row.html" "trade" trades %}')
TRADE = Print(id=5, at_us=0, price=4_800, size=100, taker_side=1, mine=False)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    each._rendered.cache_clear()


def misses() -> int:
    return each._rendered.cache_info().misses


def test_equal_rows_are_rendered_once() -> None:
    first = TAPE.render(Context({"trades": [TRADE]}))
    assert TAPE.render(Context({"trades": [TRADE._replace()]})) == first
    assert misses() == 1


@pytest.mark.parametrize(
    "other",
    [
        TRADE._replace(id=6),
        TRADE._replace(at_us=10**9),
        TRADE._replace(price=1),
        TRADE._replace(size=1),
        TRADE._replace(taker_side=2),
        TRADE._replace(mine=True),
    ],
)
def test_rows_that_differ_in_anything_shown_look_different(other: Print) -> None:
    assert TAPE.render(Context({"trades": [TRADE]})) != TAPE.render(Context({"trades": [other]}))


def test_a_row_sees_nothing_of_its_page() -> None:
    page = {"rungs": [Rung(4_800, 100, 100, 0, 100)], "side": "offer", "rung": "planted", "who": "planted"}
    ladder = Template('{% load each %}{% each "markets/_rung.html" "rung" rungs side="bid" %}')
    html = ladder.render(Context(page))
    assert "planted" not in html
    assert 'data-side="bid"' in html


@pytest.mark.django_db
def test_what_is_shown_to_one_is_not_shown_to_another(world: World, exchange: object) -> None:
    """Alice and Bob look in turns at a market that hides account ids: each sees own marks only."""
    Market.objects.filter(pk=world.rain.pk).update(hide_account_ids=True)
    world.order(world.alice, Side.BID, 4_700, 300)
    world.order(world.bob, Side.OFFER, 5_000, 200)
    world.trade(4_800, 100, world.alice, world.bobs)
    world.trade(4_900, 100, world.bobs, world.bob)
    browsers = browser_of(world.alice_user), browser_of(world.bob_user)
    for _ in range(2):
        alice, bob = (read(browser.get("/markets/7/")) for browser in browsers)
        assert [row.attributes.get("class") for row in alice.all("tape-row")] == [None, "mine"]
        assert [row.attributes.get("class") for row in bob.all("tape-row")] == ["mine", None]
        assert [row.cells()[3] for row in alice.all("book-row")] == ["", "3"]
        assert [row.cells()[3] for row in bob.all("book-row")] == ["2", ""]


class Named(NamedTuple):
    name: object


@pytest.mark.parametrize("value", [Market(name="by its id"), mark_safe("<b>"), 1.5, ["list"], (Market(),)])
def test_a_value_that_equals_what_looks_different_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        each.each("markets/_trade_row.html", "trade", [Named(value)])


def test_names_are_escaped() -> None:
    row = TransferRow(1, 0, "payment", "<script>", 0, "<b>", 5)
    html = Template('{% load each %}{% each "markets/_transfer_row.html" "transfer" rows %}').render(
        Context({"rows": [row]})
    )
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
