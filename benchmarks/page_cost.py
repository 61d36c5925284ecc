"""Part `pages`: the CPU time of each page, beside a signed-in page that shows nothing, and in a large exchange."""

import http.client
from contextlib import ExitStack
from itertools import chain

from benchmarks import wsload
from benchmarks.growth import FEW_ORDERS, MANY_MARKETS, MANY_ORDERS, SOME_MARKETS, fill
from benchmarks.pages import TIMEOUT_SECONDS
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting
from benchmarks.traders import MID, Trader, order, pid_of
from tests.live.exchange import LiveExchange

PERSON = "carol"  # has a few orders and trades, in the large exchange as in the small one
NOTHING = "/auctions/"  # nobody lists an auction: the head of every page, and no more
PAGES = {
    "the list of markets": "/",
    "a market": "/markets/{market}/",
    "the portfolio": "/portfolio/",
    "the statement": "/statement/",
    "transfers": "/transfers/",
    "accounts": "/accounts/",
    "keys": "/keys/",
}
TRADES = 60  # more than the tape shows
TO_NOTHING = Goal(3, at_least=False)
GROWN = Goal(1.2, at_least=False)

Costs = dict[str, list[float]]  # milliseconds of CPU time of a load, run by run, by path


def cost(setting: Setting) -> list[Row]:
    """Loads every page in a small and in a large exchange, which run all the time and take turns."""
    shapes = (SOME_MARKETS, FEW_ORDERS), (setting.size(MANY_MARKETS, 20), setting.size(MANY_ORDERS, 400))
    with ExitStack() as running:
        lives = [running.enter_context(setting.exchange("pages-{}-{}".format(*shape))) for shape in shapes]
        found = [(Browser(live, fill(live, *shape)), dict[str, list[float]]()) for live, shape in zip(lives, shapes)]
        for _ in range(setting.runs + 1):
            for browser, costs in found:
                for path in (NOTHING, *PAGES.values()):
                    costs.setdefault(path, []).append(browser.cost(path, setting.size(100, 30)))
    small, large = ({path: values[1:] for path, values in costs.items()} for _, costs in found)  # the first run warms
    large_in_words = f"with {shapes[1][1]:,} resting orders and {shapes[1][0]:,} markets"
    rows = [Row("a signed-in page that shows nothing", "ms CPU", small[NOTHING])]
    beside = (_beside_nothing(name, path, small) for name, path in PAGES.items())
    return (
        rows
        + list(chain.from_iterable(beside))
        + [_grown(f"{name} {large_in_words}", small[path], large[path]) for name, path in PAGES.items()]
    )


def _beside_nothing(name: str, path: str, costs: Costs) -> list[Row]:
    ratios = [mine / nothing for mine, nothing in zip(costs[path], costs[NOTHING])]
    return [
        Row(name, "ms CPU", costs[path]),
        Row(f"{name}, beside the page that shows nothing", "×", ratios, TO_NOTHING),
    ]


def _grown(name: str, small: list[float], large: list[float]) -> Row:
    return Row(name, "×", [b / a for a, b in zip(small, large)], GROWN)


class Browser:
    """A signed-in person who trades in the first market and loads pages over one connection."""

    def __init__(self, live: LiveExchange, markets: list[int]) -> None:
        self._pid = pid_of(live)
        self._market = markets[0]
        self._cookie = live.browser(PERSON).cookie_header()
        self._connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=TIMEOUT_SECONDS)
        self._trade(live)

    def _trade(self, live: LiveExchange) -> None:
        """Fills the tape, and leaves orders in the book."""
        maker, taker = Trader(live, PERSON), Trader(live, "alice")
        for number in range(TRADES):
            maker.ask(create_order=order(number, self._market, 1, MID, 100, f"made{number}").create_order)
            taker.ask(create_order=order(number, self._market, 2, MID, 100, f"took{number}").create_order)
        for number in range(5):
            maker.ask(create_order=order(number, self._market, 1, MID - number, 100, f"rests{number}").create_order)
        assert not maker.refused + taker.refused, (maker.refused, taker.refused)
        maker.close()
        taker.close()

    def cost(self, path: str, loads: int) -> float:
        """Returns the milliseconds of the server's CPU time for one load."""
        began = wsload.cpu_seconds(self._pid)
        for _ in range(loads):
            headers = {"Cookie": self._cookie, "Accept-Encoding": "gzip"}
            self._connection.request("GET", path.format(market=self._market), headers=headers)
            response = self._connection.getresponse()
            response.read()
            assert response.status == http.HTTPStatus.OK, f"{path}: {response.status}"
        return (wsload.cpu_seconds(self._pid) - began) * 1e3 / loads
