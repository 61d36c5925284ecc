"""The package works alone and beside the exchange's own code. tests/live/test_client_wheel.py installs it."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from exchange_client import __version__
from exchange_client import exchange_pb2 as ours
from packaging.requirements import Requirement

from proto import exchange_pb2 as theirs
from tests.client.script import FakeExchange, connected

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "client/exchange_client"


def test_both_generated_modules_in_one_process_are_the_same_messages() -> None:
    assert ours.DESCRIPTOR is theirs.DESCRIPTOR
    assert ours.Order(id=1) == theirs.Order(id=1)
    assert isinstance(theirs.Order(), ours.Order)


def test_it_imports_nothing_of_the_exchange() -> None:
    """Runs in an interpreter that does not see the checkout."""
    subprocess.run([sys.executable, "-I", "-c", "import exchange_client.bots.house"], check=True, cwd="/")
    tops = {
        name.partition(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
    }
    assert tops - set(sys.stdlib_module_names) == {"exchange_client", "google", "websockets"}


def test_its_requirements_allow_the_versions_that_the_exchange_pins() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("#")[0].strip().split("==") for line in lines if "==" in line)
    for requirement in map(Requirement, project["dependencies"]):
        assert requirement.specifier.contains(pinned[requirement.name])


async def test_the_user_agent_names_the_client_and_its_version(server: FakeExchange) -> None:
    async with connected(server) as (_, socket):
        assert socket.user_agent == f"exchange-client/{__version__}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
