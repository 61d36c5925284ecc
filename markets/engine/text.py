"""Names and texts: which are valid, when two names are the same, and figures as people read them."""

from collections.abc import Callable
from unicodedata import normalize

from markets.engine.errors import Reason, Rejected
from markets.engine.lookalikes import in_one_script, looks, mixed_scripts

# The figures of realtime/limits.py, which all doors use.
ACCOUNT_NAME_CHARACTERS_MAX = 40
MARKET_NAME_CHARACTERS_MAX = 80
AUCTION_NAME_CHARACTERS_MAX = 80
CATEGORY_CHARACTERS_MAX = 40
DESCRIPTION_CHARACTERS_MAX = 4_000
NOTE_CHARACTERS_MAX = 200

KEY_GROWTH_MAX = 5  # how many times as long as a name its key may be


# Letters and marks that no reader of a name sees (part of Unicode's Default_Ignorable_Code_Point).
_UNSEEN_RANGES: tuple[tuple[int, int], ...] = ((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5))
_UNSEEN_RANGES += ((0x180B, 0x180F), (0x3164, 0x3164))
_UNSEEN_RANGES += ((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF))
_UNSEEN = {point: None for first, last in _UNSEEN_RANGES for point in range(first, last + 1)}
_BLANK = "\u2800"  # braille without a dot: a space to every reader, but not to Unicode


def name_key(name: str) -> str:
    """The name in NFKC, case-folded, without invisible marks. Names with equal keys are the same (rules, section 1)."""
    key, last = normalize("NFKC", name.translate(_UNSEEN).casefold()), name
    while key != last:  # each of the two steps can make work for the other
        key, last = normalize("NFKC", key.translate(_UNSEEN).casefold()), key
    return key


def looks_of(name: str) -> frozenset[str]:
    """What the name looks like (lookalikes.py)."""
    return looks(normalize("NFKC", name.translate(_UNSEEN)))


def tidy_name(name: str, length_max: int, rules: int) -> str:
    """The name trimmed and with single spaces (rules, section 1, Names).

    Rejected INVALID_NAME unless it has 1 to `length_max` printable characters, some of them visible, and a key that
    fits. From version 2 of the rules also if invisible marks hide spaces: " Alice" would read like Alice; from version
    5 also if it mixes scripts.
    """
    tidied = " ".join(name.split())
    if not 1 <= len(tidied) <= length_max:
        raise Rejected(Reason.INVALID_NAME, f"A name must have 1 to {length_max} characters, not {len(tidied)}.")
    if not tidied.isprintable():
        raise Rejected(Reason.INVALID_NAME, "A name may hold printable characters only.")
    if not _has_valid_key(tidied, length_max) or (rules >= 2 and _hides_spaces(tidied)):
        raise Rejected(Reason.INVALID_NAME, "A name must be of visible characters and hide no spaces.")
    mixed = mixed_scripts(_as_read(tidied)) if rules >= 5 else []
    if mixed:
        raise Rejected(
            Reason.INVALID_NAME, f"A name may not mix scripts: this one has letters of {' and '.join(mixed)}."
        )
    return tidied


def pick_free_name(requested: str, is_taken: Callable[[str], bool], rules: int) -> str:
    """A valid name for a person who signs in, as near to the requested one as possible (rules, section 1).

    A taken name gets " 2", " 3" and so on.
    """
    if rules >= 5 and mixed_scripts(_as_read(requested)):
        requested = in_one_script(_as_read(requested))
    printable = "".join(c if c.isprintable() else " " for c in requested)
    name = " ".join(printable.split())[:ACCOUNT_NAME_CHARACTERS_MAX].rstrip()
    if rules >= 2 and _hides_spaces(name):
        name = " ".join(_as_read(name).split())
    if not _has_valid_key(name, ACCOUNT_NAME_CHARACTERS_MAX):
        name = "Trader"
    number, candidate = 1, name
    while is_taken(candidate):
        number += 1
        suffix = f" {number}"
        candidate = name[: ACCOUNT_NAME_CHARACTERS_MAX - len(suffix)].rstrip() + suffix
    return candidate


def _as_read(name: str) -> str:
    """The name as a reader sees it."""
    return name.translate(_UNSEEN).replace(_BLANK, " ")


def _hides_spaces(name: str) -> bool:
    read = _as_read(name)
    return _BLANK in name or read != " ".join(read.split())


def _has_valid_key(name: str, length_max: int) -> bool:
    """Whether the name's key is not blank and fits its column: one character can fold to eighteen."""
    return 0 < len(name_key(name).strip()) <= length_max * KEY_GROWTH_MAX


def check_text(text: str, length_max: int, what: str) -> str:
    """The text, unchanged. `what` names it in the refusal.

    Rejected INVALID_TEXT if it is too long or holds control characters other than line breaks and tabs.
    """
    if len(text) > length_max:
        raise Rejected(
            Reason.INVALID_TEXT, f"The {what} may have at most {length_max:,} characters, not {len(text):,}."
        )
    if text.isprintable():
        return text
    if any((c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        raise Rejected(Reason.INVALID_TEXT, f"The {what} may not hold control characters.")
    return text


def chips(amount: int) -> str:
    """An amount (1/10,000 chip) as people read it: 1,234.5."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    fraction = f"{amount % 10_000:04}".rstrip("0")
    return f"{sign}{amount // 10_000:,}" + (f".{fraction}" if fraction else "")


def hundredths(value: int) -> str:
    """A price or size (1/100) as people read it: 1,234.5."""
    return chips(value * 100)
