"""Parses our pages into elements, for tests."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Protocol

VOID = {"meta", "link", "input", "hr", "br", "img"}


class Element:
    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """The text of the element, with single spaces."""
        return " ".join(" ".join(self._texts()).split())

    @property
    def testid(self) -> str:
        return self.attributes.get("data-testid", "")

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()

    def walk(self) -> Iterator["Element"]:
        """The element and all below it, except the content of <template>, which is for the script."""
        yield self
        if self.tag != "template":
            for child in self.children:
                if isinstance(child, Element):
                    yield from child.walk()

    def all(self, testid: str) -> list["Element"]:
        return [element for element in self.walk() if element.testid == testid]

    def one(self, testid: str) -> "Element":
        (found,) = self.all(testid)
        return found

    def named(self, tag: str) -> list["Element"]:
        return [element for element in self.walk() if element.tag == tag]

    def cells(self) -> list[str]:
        return [element.text for element in self.walk() if element.tag in ("td", "th")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            closed = self.open.pop()
            assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


class HasContent(Protocol):
    """A response of the test client."""

    @property
    def content(self) -> bytes: ...


def read(response: HasContent) -> Element:
    """The page. Fails if its elements are not properly nested."""
    reader = _Reader()
    reader.feed(response.content.decode())
    reader.close()
    assert len(reader.open) == 1, f"never closed: {[element.tag for element in reader.open[1:]]}"
    return reader.open[0]


def page_data(page: Element) -> dict[str, Any]:
    """The page's data for its script."""
    (script,) = (e for e in page.named("script") if e.attributes.get("id") == "page")
    data: dict[str, Any] = json.loads("".join(child for child in script.children if isinstance(child, str)))
    return data


def toasts(page: Element) -> list[str]:
    return [toast.text for toast in page.all("toast")]


def fields(form: Element) -> dict[str, str]:
    """What the form would send: its fields with their values. Of its buttons, the first that has a name."""
    found = {}
    for element in form.walk():
        kind, name = element.attributes.get("type", ""), element.attributes.get("name")
        if name is None or name in found:
            continue
        if element.tag == "textarea":
            found[name] = "".join(map(str, element.children))
        elif element.tag == "select":
            chosen = [o.attributes["value"] for o in element.named("option") if "selected" in o.attributes]
            found[name] = chosen[0] if chosen else element.named("option")[0].attributes["value"]
        elif element.tag in ("input", "button") and (
            kind not in ("radio", "checkbox") or "checked" in element.attributes
        ):
            found[name] = element.attributes.get("value", "on" if kind == "checkbox" else "")
    return found
