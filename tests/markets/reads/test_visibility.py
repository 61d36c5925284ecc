"""The tables and the engine agree on who sees and trades which market (rules, section 4)."""

from collections import Counter

from markets.engine import commands as c
from markets.engine.engine import Engine
from markets.engine.visibility import NOTHING, WHOLE, Degree, degree_of, masked, may_trade
from markets.models import Market
from markets.reads import visibility
from markets.reads.visibility import Viewer
from tests.markets.keeping import commit_history, random_history

DAY = random_history(seed=11, length=900, markets=5)
# Then Alice creates a market for herself alone, and restricts one in which everybody traded to herself.
LATER = (
    c.CreateMarket(1, 2, True, "", "Secret", "", 0, 100, 1, 1, visible_to=(2,)),
    c.EditMarket(1, 2, True, "", 1, None, None, visible_to=(2,)),
)


def kept_day() -> Engine:
    return commit_history([*DAY, *((command, DAY[-1][1]) for command in LATER)])


def test_pages_show_what_the_engine_would(database: str) -> None:
    engine = kept_day()
    met: Counter[Degree] = Counter()
    for user, own in engine.people.items():
        reach = engine.reach(user)
        shown = {market.pk: market.degree for market in visibility.known(Viewer(reach, own))}
        for id, market in engine.markets.items():
            degree = degree_of(engine, market, reach)
            met[degree] += 1
            assert shown.get(id, NOTHING) == degree, (user, id)
            one = visibility.market(Viewer(reach, own), id)
            assert (NOTHING if one is None else one.degree) == degree, (user, id)
        assert shown.keys() <= engine.markets.keys()
        together = visibility.seen(Viewer(reach, own), list(Market.objects.all()))
        assert {market.pk: market.degree for market in together} == shown
    assert met.keys() == set(Degree)


def test_in_sudo_everything_is_whole(database: str) -> None:
    engine = kept_day()
    for user, own in engine.people.items():
        viewer = Viewer(engine.reach(user), own, sudo=True)
        shown = {market.pk: market.degree for market in visibility.known(viewer)}
        assert shown == {
            id: degree_of(engine, market, viewer.accounts, sudo=True) for id, market in engine.markets.items()
        }
        assert set(shown.values()) == {WHOLE}


def test_both_mask_the_same(database: str) -> None:
    engine = kept_day()
    rows = Market.objects.in_bulk()
    masks = {(id, sudo): masked(market, sudo) for id, market in engine.markets.items() for sudo in (False, True)}
    assert {(id, sudo): masked(rows[id], sudo) for id, sudo in masks} == masks
    assert not any(mask for (_, sudo), mask in masks.items() if sudo)
    assert set(masks.values()) == {False, True}


def test_both_let_the_same_accounts_trade(database: str) -> None:
    engine = kept_day()
    met: Counter[bool] = Counter()
    for row in Market.objects.all():
        for id in engine.accounts:
            may = may_trade(engine.markets[row.pk], id)
            met[may] += 1
            shown = visibility.market(Viewer((), id, sudo=True), row.pk)
            assert shown is not None
            assert shown.may_trade == may, (row, id)
    assert met.keys() == {False, True}
