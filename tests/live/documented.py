"""The code blocks of the documentation, as a reader would run them."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from tests.live.exchange import ROOT
from tests.patience import PROCESS_SECONDS_MAX

# An indented block belongs to a list.
BLOCK = re.compile(r"^ *```(?P<info>[^\n]*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """`note`: what stands after the language: why it is not run, if it is not."""

    page: str
    heading: str
    language: str
    note: str
    text: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, given by its path from the root."""
    source = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(source):
        headings = re.findall(r"^#+ (.+)$", source[: match.start()], re.MULTILINE)
        language, _, note = match["info"].partition(" ")
        found.append(Block(page, headings[-1], language, note, dedent(match["text"])))
    return found


def shell(text: str, env: Mapping[str, str], folder: Path = ROOT) -> str:
    """What bash prints. AssertionError if one of the commands fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PROCESS_SECONDS_MAX,
        text=True,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}"
    return done.stdout
