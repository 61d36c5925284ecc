"""Which names look alike, and which mix scripts (rules, section 1), after UTS 39.

The tables are frozen with the version of the rules, so that a replay decides alike under any version of Unicode.
"""

from bisect import bisect_right
from unicodedata import normalize

from markets.engine.unicode_tables import ALIKE, SCRIPTS

# Scripts that are written together ("highly restrictive"). Any other script stands alone.
TOGETHER = (
    {"Latin", "Han", "Hiragana", "Katakana"},
    {"Latin", "Han", "Bopomofo"},
    {"Latin", "Han", "Hangul"},
)


def _read_prototypes() -> dict[int, str]:
    found: dict[int, str] = {}
    for word in ALIKE.split():
        look, _, points = word.partition("=")
        text = "".join(chr(int(point, 16)) for point in look.split("."))
        found |= {int(point, 16): text for point in points.split(",")}
    return found


def _read_scripts() -> list[tuple[int, int, str]]:
    found = []
    for word in SCRIPTS.split():
        script, _, ranges = word.partition("=")
        for one in ranges.split(","):
            first, _, last = one.partition("-")
            found.append((int(first, 16), int(last or first, 16), script.replace("_", " ")))
    return sorted(found)


_PROTOTYPES = _read_prototypes()
_RANGES = _read_scripts()
_FIRST = [first for first, _, _ in _RANGES]


def looks(name: str) -> frozenset[str]:
    """What the name looks like as it is written, in small letters, in capitals and with capital initials.

    Two names look alike if they have a look in common. Expects a name in NFKC without invisible characters.
    """
    return frozenset(map(_skeleton, (name, name.casefold(), name.upper(), name.title())))


def _skeleton(text: str) -> str:
    return normalize("NFD", normalize("NFD", text).translate(_PROTOTYPES))


def script_of(character: str) -> str:
    """The script's name; "" for what any script may use: digits, spaces, signs, most emoji."""
    place = bisect_right(_FIRST, ord(character)) - 1
    first, last, script = _RANGES[max(place, 0)]
    return script if first <= ord(character) <= last else ""


def mixed_scripts(name: str) -> list[str]:
    """The scripts that do not belong together, by name; empty if the name mixes none."""
    found = {script_of(character) for character in name} - {""}
    if len(found) <= 1 or any(found <= together for together in TOGETHER):
        return []
    return sorted(found)


def in_one_script(name: str) -> str:
    """The name without the letters of other scripts than its first letter's."""
    first = next((script for script in map(script_of, name) if script), "")
    return "".join(character for character in name if script_of(character) in ("", first))
