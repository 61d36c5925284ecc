"""Writes markets/engine/unicode_tables.py from confusable-homoglyphs, which carries Unicode's data (UTS 39 and UAX 24).

    python -m tests.unicode_tables > markets/engine/unicode_tables.py

Another table decides otherwise about names, so it takes a new version of the rules, and the old table stays for replay.
"""

import json
from collections import defaultdict
from importlib.resources import files
from textwrap import wrap
from unicodedata import normalize

HEADER = '''"""Unicode's tables of letters that look alike and of scripts, of version 5 of the rules. Generated.

python -m tests.unicode_tables > markets/engine/unicode_tables.py
"""
'''
DIRECTION_MARK = "\u200e"
WIDTH = 110
LISTED = 6


def read(name: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(
        files("confusable_homoglyphs").joinpath(name).read_text("utf-8")
    )
    return found


def prototypes() -> dict[str, str]:
    """What each character that NFKC leaves alone looks like.

    The library lists each pair of Unicode's table both ways. The prototype of a pair is the side with more partners,
    the longer one, then the first by code point.
    """
    partners: dict[str, set[str]] = defaultdict(set)
    for one, others in read("confusables.json").items():
        for other in others:
            pair = one.replace(DIRECTION_MARK, ""), other["c"].replace(DIRECTION_MARK, "")
            partners[pair[0]].add(pair[1])
            partners[pair[1]].add(pair[0])
    rank = {text: (-len(alike), -len(text), text) for text, alike in partners.items()}
    found: dict[str, str] = {}
    for text, alike in partners.items():
        best = min(alike, key=rank.__getitem__)
        if len(text) == 1 and rank[best] < rank[text]:
            found[text] = best
    whole = {text: resolved(found, text) for text in found}
    return {text: look for text, look in whole.items() if normalize("NFKC", text) == text != look}


def resolved(found: dict[str, str], text: str) -> str:
    """The text with every character replaced by its prototype, until nothing changes."""
    for _ in range(10):
        looks = "".join(found.get(character, character) for character in normalize("NFD", text))
        if looks == text:
            return text
        text = looks
    raise ValueError(f"the prototypes of {text!r} go in a circle")


def scripts() -> list[tuple[int, int, str]]:
    """Ranges of code points and their script, without those that any script may use."""
    data = json.loads(files("confusable_homoglyphs").joinpath("categories.json").read_text("utf-8"))
    ranges: list[tuple[int, int, str]] = []
    for first, last, script, _ in data["code_points_ranges"]:
        name = data["iso_15924_aliases"][script].title().replace("_", " ")
        if name in ("Common", "Inherited"):
            continue
        if ranges and ranges[-1][2] == name and ranges[-1][1] == first - 1:
            ranges[-1] = (ranges[-1][0], last, name)
        else:
            ranges.append((first, last, name))
    return ranges


def render() -> str:
    groups: dict[str, list[str]] = defaultdict(list)
    for text, look in sorted(prototypes().items()):
        groups[look].append(f"{ord(text):X}")
    alike = [word for look in sorted(groups) for word in words(".".join(f"{ord(c):X}" for c in look), groups[look])]
    by_script: dict[str, list[str]] = defaultdict(list)
    for first, last, script in scripts():
        by_script[script].append(f"{first:X}-{last:X}" if last > first else f"{first:X}")
    of_script = [word for script in sorted(by_script) for word in words(script.replace(" ", "_"), by_script[script])]
    return HEADER + "\n" + constant("ALIKE", alike) + "\n" + constant("SCRIPTS", of_script)


def words(what: str, of: list[str]) -> list[str]:
    """`what` and up to LISTED of its members a word."""
    return [f"{what}={','.join(of[first : first + LISTED])}" for first in range(0, len(of), LISTED)]


def constant(name: str, of: list[str]) -> str:
    lines = wrap(" ".join(of), WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"{name} = (\n" + "".join(f'    "{line} "\n' for line in lines) + ")\n"


if __name__ == "__main__":
    print(render(), end="")
