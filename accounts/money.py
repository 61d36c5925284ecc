"""Converts amounts to text and back. Price and size are integers of 1/100, cash of 1/10,000; never a float.

frontend/src/money.ts does the same in the browser. Both are tested with frontend/test/money_cases.json.
"""

import re
from datetime import UTC, datetime, timedelta

PRICE_DECIMALS = 2
SIZE_DECIMALS = 2
CASH_DECIMALS = 4

DIGITS_MAX = 17  # in a typed number; no amount of the exchange is longer

# A typed number. The point and the comma are decimal marks, and spaces and apostrophes group; either mark groups where
# the other one, or its own repetition, shows it. Full-width characters count as their ASCII forms.
_ALIKE = str.maketrans(
    "０１２３４５６７８９．，＋－\u2212＇\u2019\t\u00a0\u2007\u2009\u202f\u3000", "0123456789.,+--''      "
)
_PLAIN = re.compile(r"([-+]?)([0-9]*)(?:([.,])([0-9]*))?")
_GROUPED = re.compile(r"([-+]?)([1-9][0-9]{0,2}([ '.,])[0-9]{3}(?:\3[0-9]{3})*)(?:(?!\3)[.,]([0-9]*))?")


def _fixed(units: int, decimals: int, at_least: int) -> str:
    """Units with `decimals` decimals as text with at least `at_least` of them: _fixed(10500, 4, 2) is "1.05"."""
    whole, fraction = divmod(abs(units), 10**decimals)
    digits = f"{fraction:0{decimals}d}"
    digits = digits[:at_least] + digits[at_least:].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole:,}{'.' if digits else ''}{digits}"


def price(units: int) -> str:
    """A price: "48.00"."""
    return _fixed(units, PRICE_DECIMALS, 2)


def size(units: int) -> str:
    """A size: "10", "2.5"."""
    return _fixed(units, SIZE_DECIMALS, 0)


def cash(units: int) -> str:
    """Cash in a column: "1,000.00", "33.3334"."""
    return _fixed(units, CASH_DECIMALS, 2)


def chips(units: int) -> str:
    """Cash in a sentence: "1,000", "33.3334"."""
    return _fixed(units, CASH_DECIMALS, 0)


def plain(units: int, decimals: int) -> str:
    """An amount as a field holds it, without grouping: "1500", "0.125". parse() reads it again."""
    return _fixed(units, decimals, 0).replace(",", "")


def signed_cash(units: int) -> str:
    """Cash with its sign: "+150.00", "-3.00", "0.00"."""
    return f"{'+' if units > 0 else ''}{cash(units)}"


def signed_size(units: int) -> str:
    """A size with its sign: "+2.5", "-3", "0"."""
    return f"{'+' if units > 0 else ''}{size(units)}"


def parse(text: str, decimals: int) -> int:
    """A typed number in units.

    Raises ValueError with a sentence for people: no number, two readings ("1,500"), too many decimals, too large.
    """
    sign, whole, fraction = _read(text)
    if len(fraction) > decimals:
        raise ValueError(f"Enter at most {decimals} decimals.")
    digits = whole + fraction.ljust(decimals, "0")
    if len(digits) > DIGITS_MAX:
        raise ValueError("This number is too large.")
    return int(f"{sign}{digits or '0'}")


def _read(text: str) -> tuple[str, str, str]:
    """Sign, whole part and fraction of a typed number, without zeros that change nothing. Errors as parse."""
    typed = text.translate(_ALIKE).strip(" ")
    plain = _PLAIN.fullmatch(typed)
    if plain is not None and (plain[2] or plain[4]):
        sign, whole, mark, fraction = plain[1], plain[2], plain[3], (plain[4] or "").rstrip("0")
        if mark == "," and re.fullmatch("[1-9][0-9]{0,2}", whole) and len(plain[4]) == 3:
            readings = f"{sign}{whole}{plain[4]} or {sign}{whole}{fraction and '.'}{fraction}"
            raise ValueError(f"Write {readings}: “{typed}” can mean both.")
        return sign, whole.lstrip("0"), fraction
    grouped = _GROUPED.fullmatch(typed)
    if grouped is None:
        raise ValueError("Enter a number, like 1000.5.")
    return grouped[1], grouped[2].replace(grouped[3], ""), (grouped[4] or "").rstrip("0")


def average_entry(cost: int, position: int) -> int | None:
    """cost / position in 1/10,000 chip, rounded half up (rules, section 6); None when flat."""
    if position == 0:
        return None
    value, held = (cost, position) if position > 0 else (-cost, -position)
    return (value * 200 + held) // (held * 2)


def mark(bid: int | None, offer: int | None, last: int | None) -> int | None:
    """The price that values an open position: mid, else last trade, else None. Unit 1/100; a half unit is floored."""
    return (bid + offer) // 2 if bid is not None and offer is not None else last


def clock(us: int) -> str:
    """Time of day in UTC: "14:03:22"."""
    return f"{_utc(us):%H:%M:%S}"


def moment(us: int) -> str:
    """Day and time in UTC: "2026-11-21 14:03"."""
    return f"{_utc(us):%Y-%m-%d %H:%M}"


def _utc(us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
