"""The tables and the engine say the same of who sees which market (rules, section 4)."""

from collections import Counter

from markets.engine import commands as c
from markets.engine.visibility import known_to, sees
from markets.reads import visibility
from markets.reads.visibility import Viewer
from tests.markets.keeping import keep, random_history

DAY = random_history(seed=11, length=900, markets=5)
# At last Alice makes a market for herself alone, and one in which all have traded becomes hers.
LATER = (
    c.CreateMarket(1, 2, True, "", "Secret", "", 0, 100, 1, 1, visible_to=(2,)),
    c.EditMarket(1, 2, True, "", 1, None, None, visible_to=(2,)),
)
DEGREES = {(True, True): "sees", (False, True): "knows", (False, False): "nothing"}


def test_pages_show_what_the_engine_would(database: str) -> None:
    engine = keep([*DAY, *((command, DAY[-1][1]) for command in LATER)])
    met: Counter[str] = Counter()
    for user, own in engine.people.items():
        reach = engine.reach(user)
        shown = {market.pk: market.with_book for market in visibility.known(Viewer(reach, own))}
        with_book = set(visibility.seen(Viewer(reach, own)).values_list("pk", flat=True))
        assert set(visibility.known(Viewer(reach, own, sudo=True)).values_list("pk", flat=True)) == set(engine.markets)
        for id, market in engine.markets.items():
            seen = sees(market, reach)
            there = seen or known_to(engine, market, reach)
            met[DEGREES[seen, there]] += 1
            assert (id in shown, shown.get(id, False), id in with_book) == (there, seen, seen), (user, id)
    assert met.keys() == set(DEGREES.values())
