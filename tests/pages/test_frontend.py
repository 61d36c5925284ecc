"""The TypeScript: types check, its own tests pass, and the templates have the elements that it uses."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PROCESS_SECONDS_MAX
from tests.services import missing
from tests.tidy.sources import ROOT

FRONTEND = ROOT / "frontend"
RUN_SECONDS_MAX = PROCESS_SECONDS_MAX
TESTS_MIN = 40  # fewer means that some were not found


@pytest.fixture(scope="module")
def path() -> str:
    """PATH with the Node that make uses: the machine's or the one in .venv."""
    found = os.pathsep.join((os.environ.get("PATH", ""), str(ROOT / ".venv/node")))
    if not (FRONTEND / "node_modules").is_dir() or shutil.which("node", path=found) is None:
        missing("the front end's packages", "make frontend")
    return found


def node(path: str, *arguments: str) -> str:
    command = [str(shutil.which("node", path=path)), *arguments]
    done = subprocess.run(
        command, cwd=FRONTEND, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_types(path: str) -> None:
    node(path, "node_modules/typescript/bin/tsc", "--noEmit")


def test_its_own_tests(path: str) -> None:
    passed = re.search(r"^(?:# |ℹ )pass (\d+)$", node(path, "build.mjs", "--test"), re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= TESTS_MIN


def named(pattern: str, *folders: Path) -> set[str]:
    files = (file for folder in folders for file in folder.rglob("*") if file.suffix in (".ts", ".html"))
    return {name for file in files for name in re.findall(pattern, file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("in_script", "in_templates"),
    [
        (r'\bslot(?:<\w+>)?\([^"()]*(?:\([^)]*\))?[^"()]*, "([a-z-]+)"\)', r'data-slot="([a-z-]+)"'),
        (r'\[data-rows="([a-z]+)"\]', r'data-rows="([a-z]+)"'),
        (r'\btemplate\([^,]+, "([a-z]+)"\)', r'data-template="([a-z-]+)"'),
        (r'\[data-testid="([a-z-]+)"\]', r'data-testid="([a-z-]+)"'),
    ],
)
def test_what_the_script_looks_for_is_in_the_templates(in_script: str, in_templates: str) -> None:
    wanted = named(in_script, FRONTEND / "src/ui", FRONTEND / "src")
    assert wanted, "the pattern finds nothing"
    assert wanted - named(in_templates, ROOT / "templates") == set()


def missing_from_lock(lock: dict[str, Any]) -> list[str]:
    """Packages that some platform needs and the lock lacks. `npm ci` refuses such a lock on every platform."""
    named_there = {path.rpartition("node_modules/")[2] for path in lock["packages"]}
    return sorted(
        {
            name
            for package in lock["packages"].values()
            for kind in ("dependencies", "devDependencies", "optionalDependencies")
            for name in package.get(kind, {})
        }
        - named_there
    )


def test_the_lock_names_every_platforms_packages() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    assert missing_from_lock(lock) == []
    del lock["packages"]["node_modules/@esbuild/darwin-arm64"]
    assert missing_from_lock(lock) == ["@esbuild/darwin-arm64"]
