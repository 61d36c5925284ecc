"""`make test-slow`: the tests on one core, with a program beside them that takes half of it.

    python -m tests.slow ARGUMENTS_OF_PYTEST

A test that fails here and passes elsewhere waits for a time instead of an event, or wants so much of anything a second.
"""

import os
import subprocess
import sys

BUSY_LOOP = "while True: pass"
WORKERS = "2"  # so that tests get in each other's way, too


def main(arguments: list[str]) -> int:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # what `taskset` does; processes inherit it
    busy = subprocess.Popen([sys.executable, "-c", BUSY_LOOP])
    try:
        command = [sys.executable, "-m", "pytest", "--numprocesses", WORKERS, *arguments]
        return subprocess.run(command).returncode
    finally:
        busy.kill()
        busy.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
