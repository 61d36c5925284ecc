"""Every command, program and address of the documentation works as printed, against what `make run` starts.

Only what a reader replaces too is replaced: the port, the dots of a token, and the folder of the data. A block in no
known language, or one that is not run without a reason, fails the test.
"""

import ast
import asyncio
import contextlib
import importlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import exchange_client
import pytest
import requests
from django.core.management import get_commands
from exchange_client import Exchange

from realtime.rights import Scope
from tests.live.documented import Block, blocks, shell
from tests.live.exchange import ROOT, Browser
from tests.patience import PROCESS_SECONDS_MAX, STEP_SECONDS_MAX

PAGES = (
    "README.md",
    "client/README.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
BLOCKS = [block for page in PAGES for block in blocks(page)]
# Languages that are no commands, and where they are tried.
DATA = {
    "text": "a formula, or a message: tests/live/test_protocol_page.py",
    "hex": "the bytes of a message: tests/live/test_protocol_page.py",
    "json": "an answer: test_json_is_json",
    "sql": "a query of one's own database",
    "ini": "a unit of systemd",
    "nginx": "tests/live/test_proxies.py",
    "caddy": "tests/live/test_proxies.py",
}
NOTES = {"": "runs to its end", "serves": "runs until it is stopped", "trades": "the same, for a bot"}
ELSEWHERE = {"Backup and restore": "tests/live/test_backup.py"}  # headings whose commands another test runs
NOT_RUN = re.compile(r"not run: \w.+")
INDENTED = re.compile(r"^ {4,}(?!(?:[-*]|\d+\.) )\S.*", re.MULTILINE)  # a code block without a language
ADDRESS = re.compile(r"http://127\.0\.0\.1:8000[\w/.-]*|(?<=`)/(?:admin|api|help|proto|portfolio)/[\w/.-]*(?=`)")
TOKEN = re.compile(r'data-testid="secret">([^<]+)<')
SCOPES = tuple(str(int(scope)) for scope in (Scope.TRADE, Scope.TRANSFER, Scope.MANAGE))


class Demo:
    """What `make run` started, and a newcomer at it: Alice, with tokens from the page "Keys"."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.env = {"PORT": str(self.port), "EXCHANGE_VAR": str(folder / "var"), "HOME": str(folder)}
        self.browser = Browser(f"http://127.0.0.1:{self.port}")
        self.token = ""

    def sign_in(self) -> None:
        page = self.browser.post("/demo/sign-in", "/sign-in/?next=/keys/", who="alice", next="/keys/")
        assert page.url.endswith("/keys/")
        self.token = self.key("trade")

    def key(self, name: str, scopes: tuple[str, ...] = ()) -> str:
        """A new token, with what the page ticks by itself or with these scopes."""
        form = self.browser.get("/keys/").text
        ticked = re.findall(r'name="scopes" value="(\d+)"[^>]* checked', form)
        key = re.search(r'name="key" value="([^"]+)"', form)
        assert key is not None
        fields = {"key": key[1], "name": name, "days": "1", "account": "", "scopes": scopes or tuple(ticked)}
        made = TOKEN.search(self.browser.post("/keys/", "/keys/", **fields).text)
        assert made is not None
        return made[1]

    def orders(self) -> list[Any]:
        """Alice's open orders."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.browser.url}/api/v1/orders?open=true", headers=headers, timeout=STEP_SECONDS_MAX)
        results: list[Any] = answer.json()["results"]
        return results

    def as_typed(self, text: str) -> str:
        """What a reader types who read this."""
        for printed, typed in (
            ("127.0.0.1:8000", f"127.0.0.1:{self.port}"),
            ("--port 8000", f"--port {self.port}"),
            ('token="..."', f'token="{self.token}"'),
            ("--token ...", f"--token {self.token}"),
            ("var/house_bots.json", f"{self.env['EXCHANGE_VAR']}/house_bots.json"),
        ):
            text = text.replace(printed, typed)
        return text


class Running:
    """A command that does not end by itself, in a process group of its own."""

    def __init__(self, text: str, demo: Demo, **more: str) -> None:
        self.log = demo.folder / f"running{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=ROOT,
                env={**os.environ, **demo.env, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, met: Callable[[], bool]) -> None:
        last = time.monotonic() + PROCESS_SECONDS_MAX
        while not met():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < last, self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> str:
        """Ctrl-C, as at a keyboard. Returns what it printed."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(STEP_SECONDS_MAX)
        return self.log.read_text()


def answers(browser: Browser) -> bool:
    try:
        return browser.get("/api/v1/health").status == 200
    except OSError:
        return False


def command_of(page: str, note: str) -> str:
    (text,) = (block.text for block in blocks(page) if (block.language, block.note) == ("sh", note))
    return text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    found = Demo(tmp_path_factory.mktemp("newcomer"))
    running = Running(command_of("README.md", "serves"), found)
    try:
        running.until(lambda: answers(found.browser))
        assert f"The exchange: {found.browser.url}/" in running.log.read_text()
        found.sign_in()
        yield found
    finally:
        said = running.stop()
    assert "Traceback" not in said, said


def printed(language: str, *notes: str, page: str = "") -> list[Block]:
    found = [block for block in BLOCKS if block.language == language and block.note in notes]
    return [block for block in found if block.heading not in ELSEWHERE and page in ("", block.page)]


def named(found: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", found, ids=[f"{block.page}: {block.heading}" for block in found])


# --- Nothing is left out


def test_every_block_is_run_or_says_why_not() -> None:
    wrong = [
        f"{block.page}, {block.heading}: ```{block.language} {block.note}"
        for block in BLOCKS
        if block.language not in DATA
        and not (block.language == "python" and not block.note)
        and not (block.language == "sh" and (block.note in NOTES or NOT_RUN.fullmatch(block.note)))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/architecture.md"])
def test_no_command_hides_in_an_indented_block(page: str) -> None:
    outside = re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert INDENTED.findall(outside) == []


def test_commands_within_sentences_exist() -> None:
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z-]+)(?: [A-Z]+=[^`]*)?`", text)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())


@named(printed("json", ""))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


# --- Against what `make run` starts


def test_addresses_answer(demo: Demo) -> None:
    """For the operator, whom some of them are for."""
    operator = Browser(demo.browser.url)
    operator.post("/demo/sign-in", "/sign-in/", who="operator")
    found = {demo.as_typed(address) for page in PAGES for address in ADDRESS.findall((ROOT / page).read_text())}
    found = {address for address in found if not address.endswith("/api/v1")}  # what the others begin with
    assert len(found) > 5
    assert {address: status for address in found if (status := operator.get(address).status) != 200} == {}


@named(printed("sh", ""))
def test_commands_end_well(demo: Demo, block: Block, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """curl fails here where the exchange refuses, which it does not by itself."""
    env = {**demo.env, "TOKEN": demo.token, "PATH": f"{tmp_path}:{ROOT}/.venv/bin:{os.environ['PATH']}"}
    if "pip install" in block.text:
        request.getfixturevalue("package_index")
        venv.create(tmp_path / "environment", symlinks=True, with_pip=True)
        env["PATH"] = f"{tmp_path}/environment/bin:{os.environ['PATH']}"
    strict = tmp_path / "curl"
    strict.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --silent --show-error --fail-with-body "$@"\n')
    strict.chmod(0o755)
    shell(demo.as_typed(block.text), env, tmp_path)
    if "pip install" in block.text:
        bot = next(block for block in BLOCKS if block.language == "python" and "Exchange.connect(" in block.text)
        (tmp_path / "bot.py").write_text(demo.as_typed(bot.text))
        assert "Level(" in shell("python bot.py", env, tmp_path)


@named([block for block in printed("python", "") if "asyncio.run(" in block.text])
def test_programs_end_well(demo: Demo, block: Block, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(demo.as_typed(block.text))
    for _ in range(3):  # whatever the house bots do meanwhile
        assert "Level(" in shell(f"{ROOT}/.venv/bin/python bot.py", demo.env, tmp_path)


@named([block for block in printed("python", "") if "asyncio.run(" not in block.text])
async def test_parts_of_programs_work(demo: Demo, block: Block) -> None:
    """They stand inside `async with Exchange.connect(...) as x`. One that goes on for ever has to print something."""
    everything = await asyncio.to_thread(demo.key, f"parts {time.monotonic_ns()}", SCOPES)
    url = f"ws://127.0.0.1:{demo.port}/ws"
    said = io.StringIO()
    async with Exchange.connect(url, everything, markets=[1]) as x, Exchange.connect(url, bobs(demo)) as bob:
        names = {**vars(exchange_client), "pb": importlib.import_module("exchange_client.exchange_pb2")}
        names |= {"x": x, "alice": x, "bob": bob, "asyncio": asyncio, "print": lambda *parts: print(*parts, file=said)}
        code = compile(block.text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = asyncio.ensure_future(eval(code, names))
        printing = asyncio.create_task(x.until(lambda: bool(said.getvalue())))
        await asyncio.wait_for(asyncio.wait({running, printing}, return_when="FIRST_COMPLETED"), STEP_SECONDS_MAX)
        if "updates(" not in block.text:
            await asyncio.wait_for(running, STEP_SECONDS_MAX)
        for task in (running, printing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert said.getvalue()


def bobs(demo: Demo) -> str:
    other = Demo(demo.folder)
    other.browser = Browser(demo.browser.url)
    other.browser.post("/demo/sign-in", "/sign-in/", who="bob")
    return other.key(f"bob {time.monotonic_ns()}", SCOPES)


def wait_for(met: Callable[[], bool]) -> None:
    last = time.monotonic() + STEP_SECONDS_MAX
    while not met():
        assert time.monotonic() < last
        time.sleep(0.1)


def connected(process: int, port: int) -> bool:
    """Whether the process holds a connection to the port of this machine."""
    held = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held.add(os.readlink(file))
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(line[2].endswith(f":{port:04X}") and f"socket:[{line[9]}]" in held for line in lines)


@named(printed("sh", "trades"))
def test_bots_trade_until_they_are_stopped(demo: Demo, block: Block) -> None:
    of_alice = "house" not in block.text
    before = demo.orders()
    bot = Running(f"exec {demo.as_typed(block.text)}", demo)
    try:
        bot.until(lambda: connected(bot.process.pid, demo.port))
        if of_alice:
            bot.until(lambda: demo.orders() != before)
    finally:
        said = bot.stop()
    assert (bot.process.returncode, said) == (0, "")
    if of_alice:  # a bot leaves after 2 s, even if the reply to its last Out has not come yet
        wait_for(lambda: demo.orders() == [])


@named(printed("sh", "serves", page="docs/operations.md"))
def test_a_class_of_ones_own_starts(tmp_path: Path, block: Block) -> None:
    own = Demo(tmp_path)
    running = Running(own.as_typed(block.text), own)
    try:
        running.until(lambda: answers(own.browser))
        assert "demo" not in own.browser.get("/sign-in/").text
    finally:
        said = running.stop()
    assert "Traceback" not in said, said
