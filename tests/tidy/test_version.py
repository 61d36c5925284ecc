"""The version is stated once, in client/pyproject.toml. The exchange reads it there, the client from its metadata."""

import re
from pathlib import Path

import exchange_client
from django.conf import settings

from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of

STATED = "client/pyproject.toml"
PROJECTS = ("pyproject.toml", STATED, "frontend/package.json")
# version = "1.2.3", "version": "1.2.3", VERSION: str = "1.2.3", __version__ = "1.2.3"
STATEMENT = re.compile(
    r"""(?<![a-z_])_{0,2}version_{0,2}["']?\s*(?::\s*[a-z]+\s*)?[:=]\s*["'](\d+\.\d+\.\d[\w.]*)["']""", re.IGNORECASE
)
HEADING = re.compile(r"^## (\d\S*)", re.MULTILINE)


def statements(text: str) -> list[str]:
    return STATEMENT.findall(text)


def newest(changelog: str) -> str:
    """The version of the first section that has one."""
    found = HEADING.search(changelog)
    return found[1] if found else ""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_it_is_stated_once() -> None:
    paths = [*(ROOT / name for name in PROJECTS), *files_of(*PACKAGES, "client")]
    stated = {name_of(path): found for path in paths if (found := statements(read(path)))}
    assert stated == {STATED: [settings.VERSION]}


def test_the_installed_client_has_it() -> None:
    """If this fails after a change of the version, run make."""
    assert exchange_client.__version__ == settings.VERSION


def test_the_changelog_begins_with_it() -> None:
    assert newest(read(ROOT / "CHANGELOG.md")) == settings.VERSION


class TestThatItWouldFail:
    def test_on_a_second_statement(self) -> None:
        for text in (
            'version = "0.2.0"',
            '  "version": "0.2.0",',
            "VERSION: str = '0.2.0'",
            '__version__ = "0.2.0"',
        ):
            assert statements(text) == ["0.2.0"], text

    def test_not_on_other_versions(self) -> None:
        for text in ('"OAS_VERSION": "3.1.0"', 'python_version = "3.11.0"', '{"version": "3.0"}', '"version": VERSION'):
            assert statements(text) == [], text

    def test_on_a_changelog_of_another_version(self) -> None:
        assert newest("# Changelog\n\n## Unreleased\n\n## 0.2.0\n\n## 0.1.0\n") == "0.2.0"
        assert newest("# Changelog\n") == ""
