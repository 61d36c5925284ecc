"""The end of a run says what was skipped and what it takes to run it, in several workers too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import STEP_SECONDS_MAX
from tests.tidy.sources import ROOT

TESTS = """
import pytest
from tests.services import missing

@pytest.mark.parametrize("number", range(3))
def test_with_a_server(number):
    missing("the server", "start it")

def test_without():
    pass
"""


def run(folder: Path, *arguments: str, **env: str) -> str:
    path = folder / "test_it.py"
    path.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "--rootdir", str(folder), "-c", "/dev/null"]
    plugins = ("-p", "tests.services", "-p", "xdist", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*command, *plugins, *arguments, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "REQUIRE_SERVICES": "0", **env},
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
    )
    return done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_reason_has_a_line(tmp_path: Path, workers: str) -> None:
    report = run(tmp_path, "--numprocesses", workers)
    assert "3 skipped: the server is missing. To run this: start it\n" in report


def test_where_everything_must_run_it_fails(tmp_path: Path) -> None:
    assert "3 failed, 1 passed" in run(tmp_path, REQUIRE_SERVICES="1")
