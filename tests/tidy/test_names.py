"""Strings and templates of a package name nothing of packages to its right. test_layers.py checks imports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.sources import PACKAGES, ROOT, files_of, name_of, parse

TEMPLATES = ROOT / "templates"
WITH_TABLES = ("accounts", "auctions", "markets")
DESCRIBED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
TAG = re.compile(r"{%(.*?)%}|{{(.*?)}}", re.DOTALL)
QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def libraries() -> dict[str, str]:
    """Template tag library -> its package."""
    found = (path.relative_to(ROOT).parts for path in ROOT.glob("*/templatetags/*.py"))
    return {parts[-1].removesuffix(".py"): parts[0] for parts in found if parts[-1] != "__init__.py"}


LIBRARIES = libraries()


def to_the_right(package: str) -> tuple[str, ...]:
    return PACKAGES[PACKAGES.index(package) + 1 :]


def names_the_right(package: str, text: str) -> bool:
    """Whether the text names something of a package to the right: a module or a permission (markets.x), an address
    (markets:x, /markets/x), a template (markets/x), a table or its page in the console (markets_x, admin:markets_x)."""
    right = to_the_right(package)
    names = [rf"^/?{name}[.:/]\w" for name in right] + [rf"\b{name}_" for name in right if name in WITH_TABLES]
    return any(re.search(name, text) for name in names)


def strings(source: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, string), parts of f-strings included and docstrings left out."""
    described = (node.body[0] for node in ast.walk(source) if isinstance(node, DESCRIBED) and node.body)
    docstrings = {id(first.value) for first in described if isinstance(first, ast.Expr)}
    for node in ast.walk(source):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def app_labels(source: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, label) of look-ups like content_type__app_label="markets"."""
    for node in ast.walk(source):
        if isinstance(node, ast.keyword) and node.arg and node.arg.endswith("app_label"):
            yield from strings(node.value)


def wrong_names(package: str, source: ast.AST) -> list[str]:
    found = [(line, text) for line, text in strings(source) if names_the_right(package, text)]
    found += [(line, label) for line, label in app_labels(source) if label in to_the_right(package)]
    return [f"line {line}: {text}" for line, text in found]


def wrong_names_of_template(package: str, template: str) -> list[str]:
    """The strings in a template's tags (url, include, extends, static ...), and the tag libraries that it loads."""
    found = []
    for match in TAG.finditer(template):
        tag = match[1] or match[2] or ""
        quoted = [single or double for single, double in QUOTED.findall(tag)]
        found += [text for text in quoted if names_the_right(package, text)]
        if tag.split()[:1] == ["load"]:
            found += [name for name in tag.split()[1:] if LIBRARIES.get(name) in to_the_right(package)]
    return found


def templates_of(package: str) -> list[Path]:
    """The package's templates: those in its folder. Others (base.html, admin/, account/ ...) belong to exchange."""
    return sorted((TEMPLATES / package).rglob("*.html"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_itself_and_those_to_its_left(package: str) -> None:
    found = {name_of(path): wrong_names(package, parse(path)) for path in files_of(package)}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("package", WITH_TABLES)
def test_its_templates_name_it_and_those_to_its_left(package: str) -> None:
    assert templates_of(package)
    found = {
        name_of(path): wrong_names_of_template(package, path.read_text(encoding="utf-8"))
        for path in templates_of(package)
    }
    assert {name: names for name, names in found.items() if names} == {}


class TestThatItWouldFail:
    """A test that cannot fail is not a test."""

    @pytest.mark.parametrize(
        ("package", "line", "name"),
        [
            ("accounts", 'PERMISSION = "markets.operate_exchange"', "markets.operate_exchange"),
            ("accounts", 'redirect("markets:list")', "markets:list"),
            ("accounts", 'reverse("admin:markets_journalentry_change")', "admin:markets_journalentry_change"),
            ("accounts", 'reverse(f"admin:markets_{table}_change")', "admin:markets_"),
            ("accounts", 'TABLES = {"auctions_auction": "auctions"}', "auctions_auction"),
            ("accounts", 'get(content_type__app_label="markets")', "markets"),
            ("auctions", 'render(request, "markets/list.html")', "markets/list.html"),
            ("auctions", 'redirect("/markets/7/")', "/markets/7/"),
            ("realtime", 'import_module("exchange.settings")', "exchange.settings"),
            ("realtime", 'execute("SELECT 1 FROM markets_order")', "SELECT 1 FROM markets_order"),
        ],
    )
    def test_on_a_name_to_the_right(self, package: str, line: str, name: str) -> None:
        assert wrong_names(package, ast.parse(line)) == [f"line 1: {name}"]

    @pytest.mark.parametrize(
        ("package", "line"),
        [
            ("markets", 'redirect("auctions:board"), reverse("admin:accounts_account_change")'),
            ("accounts", 'def f():\n    """Written by markets/journal/ alone."""\n'),
            ("accounts", 'title = "The exchange. Its markets: all of them"'),
            ("markets", 'name = "exchange_figures"'),
        ],
    )
    def test_not_on_one_to_the_left_nor_on_prose(self, package: str, line: str) -> None:
        assert wrong_names(package, ast.parse(line)) == []

    @pytest.mark.parametrize(
        ("package", "template", "name"),
        [
            ("accounts", "<a href=\"{% url 'markets:list' %}\">", "markets:list"),
            ("accounts", '{% include "auctions/_card.html" with lot=lot %}', "auctions/_card.html"),
            ("auctions", '{% extends "markets/list.html" %}', "markets/list.html"),
            ("auctions", "{% url 'admin:markets_market_change' market.pk %}", "admin:markets_market_change"),
            ("auctions", "{% load static console %}", "console"),
        ],
    )
    def test_on_a_template_that_names_the_right(self, package: str, template: str, name: str) -> None:
        assert wrong_names_of_template(package, template) == [name]

    def test_not_on_one_that_names_the_left(self) -> None:
        template = "{% load static money %}{% include 'accounts/_tree.html' %}<a href=\"{% url 'auctions:board' %}\">"
        assert wrong_names_of_template("markets", template) == []
