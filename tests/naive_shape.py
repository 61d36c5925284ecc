"""The oracle's checks of names, texts and single commands. Functions named bad_... return the codes of broken rules."""

from collections.abc import Iterable
from functools import cache
from unicodedata import category, normalize

from confusable_homoglyphs.categories import alias

from markets.engine import commands as c
from markets.engine.commands import MarketStatus, TimeInForce
from markets.engine.errors import Reason
from tests.naive_book import NaiveMarket
from tests.unicode_tables import prototypes

PROTOTYPES = prototypes()
LARGEST_AMOUNT = 1_000_000_000 * 10_000
LARGEST_PRICE = 1_000_000_00
LARGEST_SIZE = 100_000_00

RESTRICTED = frozenset({Reason.NOT_ALLOWED, Reason.SUDO_REQUIRED})


class Refused(Exception):
    """The command must be refused, with any of `reasons`."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self.reasons = frozenset(reasons)
        super().__init__(", ".join(sorted(reason.name for reason in self.reasons)))


def refuse(broken: Iterable[Reason]) -> None:
    if broken:
        raise Refused(broken)


def tidy(name: str) -> str:
    """The name trimmed, with single spaces."""
    return " ".join(name.split())


def as_name(requested: str) -> str:
    """A valid name for a person who signs in: the printable part of the requested one, 40 characters of it."""
    if mixes_scripts(as_read(requested)):
        requested = keep_first_script(as_read(requested))
    name = tidy("".join(c if c.isprintable() else " " for c in requested))[:40].rstrip()
    return (tidy(as_read(name)) if hides_spaces(name) else name) or "Trader"


def as_read(name: str) -> str:
    """The name as a reader sees it."""
    return "".join(" " if c == "\u2800" else c for c in name if not is_invisible(ord(c)))


def hides_spaces(name: str) -> bool:
    """Whether a reader sees other spaces than the name has."""
    return "\u2800" in name or as_read(name) != tidy(as_read(name))


@cache
def folded(name: str) -> str:
    """Two names are the same if they fold to the same text. (Folding may undo the normal form, so it is restored.)"""
    return normalize("NFKC", normalize("NFKC", "".join(c for c in name if not is_invisible(ord(c)))).casefold())


@cache
def looks(name: str) -> frozenset[str]:
    """What the name looks like in four ways to write it; names that share one look alike (UTS 39)."""
    plain = normalize("NFKC", "".join(c for c in name if not is_invisible(ord(c))))
    return frozenset(skeleton(text) for text in (plain, plain.casefold(), plain.upper(), plain.title()))


def skeleton(text: str) -> str:
    return normalize("NFD", "".join(PROTOTYPES.get(c, c) for c in normalize("NFD", text)))


def same_name(one: str, other: str) -> bool:
    return folded(one) == folded(other) or not looks(one).isdisjoint(looks(other))


def script(character: str) -> str:
    """The script's name; "" for what any script may use."""
    name: str | None = alias(character)  # type: ignore[no-untyped-call]
    return "" if name is None or name in ("COMMON", "INHERITED", "UNKNOWN") else name


def keep_first_script(name: str) -> str:
    """Without the letters of other scripts than the first letter's."""
    first = next(script(c) for c in name if script(c))
    return "".join(c for c in name if script(c) in ("", first))


@cache
def mixes_scripts(name: str) -> bool:
    scripts = {script(c) for c in name} - {""}
    east = ({"HAN", "HIRAGANA", "KATAKANA"}, {"HAN", "BOPOMOFO"}, {"HAN", "HANGUL"})
    return len(scripts) > 1 and not any(scripts <= {"LATIN", *some} for some in east)


def is_invisible(point: int) -> bool:
    """Whether it is a letter or mark that is drawn as nothing (part of Unicode's Default_Ignorable_Code_Point)."""
    fillers = point in (0x115F, 0x1160, 0x3164, 0xFFA0)
    marks = point in (0x034F, 0x17B4, 0x17B5) or 0x180B <= point <= 0x180F
    return fillers or marks or 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF


def valid_name(name: str, longest: int) -> bool:
    fits = 1 <= len(tidy(name)) <= longest and tidy(name).isprintable()
    return fits and not hides_spaces(tidy(name)) and not mixes_scripts(as_read(tidy(name)))


def bad_amount(amount: int) -> set[Reason]:
    return set() if 0 < amount <= LARGEST_AMOUNT else {Reason.INVALID_AMOUNT}


def bad_note(note: str) -> set[Reason]:
    return bad_text(note, 200)


def bad_text(text: str, longest: int = 4_000) -> set[Reason]:
    """INVALID_TEXT for a text that is too long or holds control characters other than line breaks and tabs."""
    controls = [c for c in text if category(c) == "Cc" and c not in "\n\t"]
    return {Reason.INVALID_TEXT} if controls or len(text) > longest else set()


def bad_status(market: NaiveMarket) -> set[Reason]:
    """The code of a market that is closed or settled for good."""
    ends: dict[int, Reason] = {
        MarketStatus.CLOSED: Reason.MARKET_CLOSED,
        MarketStatus.SETTLED: Reason.MARKET_SETTLED,
    }
    return {ends[market.status]} if market.status in ends else set()


def bad_shape(market: NaiveMarket, command: c.CreateOrder) -> set[Reason]:
    """The codes of everything that is wrong with an order's price, size and terms; each is a right answer."""
    broken: set[Reason] = set()
    if command.post_only and command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        broken.add(Reason.INVALID_ORDER)
    if not market.low <= command.price <= market.high or command.price % market.tick_size:
        broken.add(Reason.INVALID_PRICE)
    if not 0 < command.size <= LARGEST_SIZE or command.size % market.smallest_size:
        broken.add(Reason.INVALID_SIZE)
    return broken
