"""The guide for students, at /help/: pages of docs/, the client's page and its wheel. They need no sign-in.

The files are read once per process. Their example address, 127.0.0.1:8000, becomes that of the exchange that serves
them, so that commands and programs can be copied as they stand.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

EXAMPLE_HOST = "127.0.0.1:8000"  # in the files
WHEELS = settings.BASE_DIR / "client" / "dist"  # `make` builds the client's wheel into it


class Page(NamedTuple):
    file: str
    title: str
    about: str


PAGES = {
    "rules": Page("docs/rules.md", "Rules", "Money, orders, markets and auctions, with examples."),
    "client": Page("client/README.md", "Python client", "A bot in ten lines, and the rest of the client."),
    "rest": Page("docs/api.md", "REST", "For scripts and notebooks."),
    "protocol": Page("docs/protocol.md", "WebSocket", "For people who write their own client."),
    "glossary": Page("docs/glossary.md", "Glossary", "The words that are ours."),
}
SERVED = {Path(page.file).name: name for name, page in PAGES.items() if page.file.startswith("docs/")}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "help/index.html", {"pages": PAGES.items(), "wheel": wheel_name()})


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """One of PAGES. 404 for any other name."""
    if name not in PAGES:
        raise Http404
    here = rendered(name).replace(f"ws://{EXAMPLE_HOST}", f"ws{'s' if request.is_secure() else ''}://{EXAMPLE_HOST}")
    here = here.replace(f"http://{EXAMPLE_HOST}", f"{request.scheme}://{EXAMPLE_HOST}")
    text = here.replace(EXAMPLE_HOST, escape(request.get_host()))
    return render(request, "help/page.html", {"title": PAGES[name].title, "text": mark_safe(text)})  # noqa: S308 - ours


@require_safe
def wheel(request: HttpRequest, name: str) -> FileResponse:
    """The client to install with pip. 404 for any other file, and where `make` has not built it."""
    if name != wheel_name():
        raise Http404
    return FileResponse((WHEELS / name).open("rb"), content_type="application/zip", filename=name)


def wheel_name() -> str:
    """The wheel of this version; "" if it was not built."""
    name = f"exchange_client-{settings.VERSION}-py3-none-any.whl"
    return name if (WHEELS / name).exists() else ""


@cache
def rendered(name: str) -> str:
    """A page's Markdown as HTML."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("code_inline", _file_name_or_code)
    return str(markdown.render((settings.BASE_DIR / PAGES[name].file).read_text(encoding="utf-8")))


def _file_name_or_code(self: RendererHTML, tokens: Sequence[Token], i: int, options: OptionsDict, env: Any) -> str:
    """The name of a served page becomes a link to it."""
    text = tokens[i].content
    served = SERVED.get(text.removeprefix("docs/"))
    code = f"<code>{escape(text)}</code>"
    return f'<a href="{reverse("help_page", args=(served,))}">{code}</a>' if served else code
