"""`make lint` also asks how the TypeScript is written: format, import order and the rules of frontend/biome.jsonc."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import PROCESS_SECONDS_MAX
from tests.services import missing
from tests.tidy.sources import ROOT

FRONTEND = ROOT / "frontend"
RUN_SECONDS_MAX = PROCESS_SECONDS_MAX
CLEAN = 'export const one = (text: string): string => `${text}, "quoted"`;\n'


def lint(folder: Path) -> tuple[int, str]:
    """Exit status and output of package.json's script `lint` in a folder."""
    path = os.pathsep.join((os.environ.get("PATH", ""), str(ROOT / ".venv/node")))
    program, *arguments = shlex.split(json.loads((FRONTEND / "package.json").read_text())["scripts"]["lint"])
    binary = FRONTEND / "node_modules/.bin" / program
    if not binary.exists() or shutil.which("node", path=path) is None:
        missing("the front end's packages", "make frontend")
    done = subprocess.run(
        [str(binary), *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_typescript_is_formatted_and_without_findings() -> None:
    status, output = lint(FRONTEND)
    assert status == 0, f"run: make format\n{output}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A front end with one file that is as it should be."""
    for name in ("biome.jsonc", "package.json"):
        shutil.copy(FRONTEND / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(FRONTEND / "node_modules")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/one.ts").write_text(CLEAN)
    return tmp_path


SWITCH = 'type Kind = "a" | "b";\nexport function f(kind: Kind): void {\n  switch (kind) {\n    case "a":\n  }\n}\n'


@pytest.mark.parametrize(
    ("planted", "finding"),
    [
        ("export const a = 'single';\n", "format"),
        ('import { one } from "./one";\nimport { z } from "./a";\n\none(z);\n', "organizeImports"),
        ('import { one } from "./one";\n\nexport const a = 1;\n', "noUnusedImports"),
        ("export const a: any = 1;\n", "noExplicitAny"),
        ('import { one } from "./one";\n\nexport const a = one("")!;\n', "noNonNullAssertion"),
        ("const late = async (): Promise<void> => await undefined;\nlate();\n", "noFloatingPromises"),
        (SWITCH, "useExhaustiveSwitchCases"),
    ],
)
def test_that_it_would_fail(copy: Path, planted: str, finding: str) -> None:
    assert lint(copy)[0] == 0
    (copy / "src/two.ts").write_text(planted)
    status, output = lint(copy)
    assert status != 0
    assert finding in output
