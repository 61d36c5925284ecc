"""The pages do not lie: every variable that settings read is told of, and every file that the house names is there."""

import re

from tests.tidy.sources import ROOT

VARIABLE = re.compile(r'env\.\w+\(\s*"(\w+)"')


def undocumented(settings: str, page: str) -> set[str]:
    return {name for name in VARIABLE.findall(settings) if f"`{name}`" not in page}


def missing_files(page: str) -> set[str]:
    named = re.findall(r"`((?:proto|realtime|accounts|markets|exchange|tests)/[\w/]+\.\w+)`", page)
    assert named
    return {name for name in named if not (ROOT / name).exists()}


def test_every_variable_is_told_of() -> None:
    settings = (ROOT / "exchange" / "settings.py").read_text()
    assert undocumented(settings, (ROOT / "docs" / "operations.md").read_text()) == set()


def test_the_house_is_as_it_is_described() -> None:
    assert missing_files((ROOT / "docs" / "architecture.md").read_text()) == set()


class TestThatItWouldFail:
    def test_a_variable_without_a_word(self) -> None:
        assert undocumented('X = env.bool("NEW_ONE", default=1)', "`OTHER`") == {"NEW_ONE"}

    def test_a_file_that_is_gone(self) -> None:
        assert missing_files("see `markets/nowhere.py`") == {"markets/nowhere.py"}
