"""The client as users install it: a wheel built from client/ alone, in an environment outside the checkout."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.conf import settings
from exchange_client import OFFER, Exchange

from tests.client.test_readme import PROGRAMS
from tests.live.exchange import ROOT, LiveExchange
from tests.patience import PROCESS_SECONDS_MAX

CLIENT = ROOT / "client"
BUILT = ("build", "dist", "*.egg-info", "__pycache__")  # files of a checkout that no release contains
SECONDS_MAX = PROCESS_SECONDS_MAX  # for pip; programs take a few seconds

pytestmark = pytest.mark.index

# Imports every module; prints what was imported and what else could be.
LOOK_AROUND = """
import importlib.util, json, pkgutil, sys
import exchange_client as package
modules = [module.name for module in pkgutil.walk_packages(package.__path__, "exchange_client.")]
for name in modules:
    importlib.import_module(name)
found = [name for name in ("exchange", "markets", "proto", "tests") if importlib.util.find_spec(name)]
print(json.dumps([package.__file__, package.__version__, sys.path, found, modules]))
"""

TYPED = """
from exchange_client import BID, Exchange


async def main(x: Exchange) -> None:
    reveal_type((await x.place(1, BID, "48.25", "10")).body.order.price)
    await x.place(1, BID, 48.25, "10")
"""


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=SECONDS_MAX
    )


def pip(*arguments: str | Path, cwd: Path) -> None:
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(package_index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, because a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(CLIENT, folder / "client", ignore=shutil.ignore_patterns(*BUILT))
    pip("wheel", "--no-deps", "--wheel-dir", folder, folder / "client", cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """The interpreter of a new environment that contains the wheel and its dependencies."""
    folder = wheel.parent / "environment"
    venv.create(folder, symlinks=True)
    interpreter = folder / "bin" / "python"
    pip("--python", interpreter, "install", wheel, cwd=wheel.parent)
    return interpreter


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    package = {
        path.relative_to(CLIENT).as_posix()
        for path in (CLIENT / "exchange_client").rglob("*")
        if path.suffix in (".py", ".pyi") or path.name == "py.typed"
    }
    assert {"exchange_client/py.typed", "exchange_client/exchange_pb2.pyi", "exchange_client/bots/house.py"} <= package
    metadata = f"exchange_client-{settings.VERSION}.dist-info"
    made = {f"{metadata}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "top_level.txt")}
    assert set(ZipFile(wheel).namelist()) == package | made


def test_the_wheel_works_without_the_checkout(python: Path) -> None:
    looked = run(python, "-c", LOOK_AROUND, cwd=python.parent)
    assert looked.returncode == 0, looked.stderr
    file, version, path, found, modules = json.loads(looked.stdout)
    assert Path(file).is_relative_to(python.parents[1])
    assert version == settings.VERSION
    assert [entry for entry in path if Path(entry).is_relative_to(ROOT)] == found == []
    assert len(modules) > 20


def test_the_wheel_is_typed(python: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(TYPED, encoding="utf-8")
    checked = run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--python-executable={python}",
        program.name,
        cwd=tmp_path,
    )
    note, error, _ = checked.stdout.splitlines()
    assert note.endswith('Revealed type is "int"')
    assert 'error: Argument 3 has incompatible type "float"; expected "Decimal | str"' in error


async def test_the_bot_of_the_readme_trades_with_the_wheel(live: LiveExchange, python: Path, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        live.browser(name).get("/")
    async with connect(live, "bob") as bob:
        market = (await bob.create_market("Wheel", "0", "100")).body.market.id
        assert market == 1  # the README's
        await bob.place(market, OFFER, "48", "4")
        traded = await asyncio.to_thread(run, python, readmes_bot(live, tmp_path), cwd=tmp_path)
        assert traded.returncode == 0, traded.stderr
        await bob.until(lambda: bob.portfolio().position(market) == -400)
    async with connect(live, "alice") as alice:
        assert alice.portfolio().position(market) == 400
        assert alice.portfolio().orders == {}  # the other 6 rested, and the bot cancelled them
    live.verify()


def connect(live: LiveExchange, name: str) -> Exchange:
    return Exchange.connect(live.ws_url, live.token(name), all_markets=True)


def readmes_bot(live: LiveExchange, folder: Path) -> Path:
    """The program as Alice would save it, with the exchange's address and her token."""
    program = PROGRAMS[0]
    for blank, filled in (("ws://127.0.0.1:8000/ws", live.ws_url), ('token="..."', f'token="{live.token("alice")}"')):
        assert program.count(blank) == 1
        program = program.replace(blank, filled)
    path = folder / "bot.py"
    path.write_text(program, encoding="utf-8")
    return path
