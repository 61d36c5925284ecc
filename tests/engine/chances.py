"""What the generator chooses from, and how often it chooses it."""

from markets.engine.commands import MarketStatus, TimeInForce

PEOPLE = 6
ALTS = 6
LIVE_MARKETS = 4
LONG_DAY = 120  # commands after which a market may be settled
HOUSE = 1
OPERATOR = 1  # user id
GARBAGE = (0, 1, 2, 5, 99, -1, 10**6, 2**63, -(2**63), 10**30, -(10**30))
NAMES = (
    "amber",
    "Basalt",
    "chalk",
    "Dolomite",
    "Émeraude",
    "flint",
    "Bas\u0430lt",  # with a Cyrillic letter
    "Straße",
    "ﬁr",
    "fIint",  # with a capital i
    "k\u200by",
    "am\ufe0fber",
    "",
)
SHAPES = (  # low, high, tick, smallest size
    (0, 10_000, 1, 1),
    (0, 10_000, 100, 100),
    (1_000, 2_000, 10, 5),
    (-5_000, 5_000, 50, 1),
    (-2_000, -1_000, 5, 10),
    (0, 1, 1, 1),
    (0, 100_000_000, 1_000_000, 1),
)
TIMES_IN_FORCE = (TimeInForce.GTC,) * 10 + (TimeInForce.IOC, TimeInForce.FOK)
STATUSES = (MarketStatus.OPEN,) * 12 + tuple(MarketStatus)
# Relative frequencies of the commands; the names are those of the generator's methods.
WEIGHTS = {
    "order": 700,
    "cancel": 110,
    "out": 15,
    "transfer": 45,
    "gift": 12,
    "collect": 6,
    "share": 12,
    "leave": 14,
    "revoke": 14,
    "redistribute": 12,
    "sign_in": 3,
    "alt": 5,
    "market": 8,
    "edit": 14,
    "probe": 6,
    "status": 10,
    "settle": 8,
    "list_auction": 6,
    "edit_auction": 5,
    "withdraw_auction": 2,
    "buy_auction": 8,
    "settle_auction": 4,
    "again": 30,
    "mangled": 50,
}
