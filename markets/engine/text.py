"""Names and texts: what may be said, and when two names are the same."""

from collections.abc import Mapping
from unicodedata import normalize

from markets.engine.errors import Reason, Rejected

ACCOUNT_NAME_MAX = 40  # characters, as the five below
MARKET_NAME_MAX = 80
CATEGORY_MAX = 40
AUCTION_NAME_MAX = 80
DESCRIPTION_MAX = 4_000
NOTE_MAX = 200
KEY_GROWTH_MAX = 5  # how many times as long as a name its key may be


# What no reader of a name sees, though Unicode counts it among letters and marks (Default_Ignorable_Code_Point).
_UNSEEN_RANGES: tuple[tuple[int, int], ...] = ((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5))
_UNSEEN_RANGES += ((0x180B, 0x180F), (0x3164, 0x3164))
_UNSEEN_RANGES += ((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF))
_UNSEEN = {point: None for first, last in _UNSEEN_RANGES for point in range(first, last + 1)}
_BLANK = "\u2800"  # braille without a dot: no space to Unicode, and one to every reader


def name_key(name: str) -> str:
    """Names with the same key are the same name: NFKC and casefold, without what nobody sees (rules, section 1)."""
    key, last = normalize("NFKC", name.translate(_UNSEEN).casefold()), name
    while key != last:  # folding can bring up what NFKC composes, and the other way round
        key, last = normalize("NFKC", key.translate(_UNSEEN).casefold()), key
    return key


def tidy_name(name: str, length_max: int, rules: int) -> str:
    """The name trimmed, with single spaces. Rejected INVALID_NAME unless 1 to length_max printable characters, and from
    version 2 of the rules on if what nobody sees hides further spaces: " Alice" would read like Alice."""
    tidied = " ".join(name.split())
    if not 1 <= len(tidied) <= length_max:
        raise Rejected(Reason.INVALID_NAME, f"A name has 1 to {length_max} characters, this one has {len(tidied)}.")
    if not tidied.isprintable():
        raise Rejected(Reason.INVALID_NAME, "A name has printable characters only.")
    if not _is_keyed(tidied, length_max) or (rules >= 2 and _hides_spaces(tidied)):
        raise Rejected(Reason.INVALID_NAME, "A name needs characters that can be seen and told apart.")
    return tidied


def free_name(wish: str, taken: Mapping[str, int], rules: int) -> str:
    """The name for a person who signs in: as near to the wish as can be, " 2", " 3" ... if it is taken."""
    printable = "".join(c if c.isprintable() else " " for c in wish)
    name = " ".join(printable.split())[:ACCOUNT_NAME_MAX].rstrip()
    if rules >= 2 and _hides_spaces(name):
        name = " ".join(_seen(name).split())
    if not _is_keyed(name, ACCOUNT_NAME_MAX):
        name = "Trader"
    number, candidate = 1, name
    while name_key(candidate) in taken:
        number += 1
        suffix = f" {number}"
        candidate = name[: ACCOUNT_NAME_MAX - len(suffix)].rstrip() + suffix
    return candidate


def _seen(name: str) -> str:
    return name.translate(_UNSEEN).replace(_BLANK, " ")


def _hides_spaces(name: str) -> bool:
    seen = _seen(name)
    return _BLANK in name or seen != " ".join(seen.split())


def _is_keyed(name: str, length_max: int) -> bool:
    """Whether its key says something and fits its column: one character can fold to eighteen."""
    return 0 < len(name_key(name).strip()) <= length_max * KEY_GROWTH_MAX


def check_text(text: str, length_max: int, what: str) -> str:
    """The text as it is. Rejected INVALID_TEXT if it is too long or holds control characters but line breaks, tabs."""
    if len(text) > length_max:
        raise Rejected(
            Reason.INVALID_TEXT, f"The {what} has at most {length_max:,} characters, this one has {len(text):,}."
        )
    if text.isprintable():
        return text
    if any((c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        raise Rejected(Reason.INVALID_TEXT, f"The {what} may not hold control characters.")
    return text


def chips(amount: int) -> str:
    """1/10,000 chip in words of the pages: 1,234.5."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    fraction = f"{amount % 10_000:04}".rstrip("0")
    return f"{sign}{amount // 10_000:,}" + (f".{fraction}" if fraction else "")


def hundredths(value: int) -> str:
    """A price or size (1/100) in words: 1,234.5."""
    return chips(value * 100)
