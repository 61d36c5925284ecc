"""A signed-in browser that loads a page so many times a second, in its own process.

python -m benchmarks.pages PORT PATH COOKIE PER_SECOND SECONDS        prints milliseconds of each load, as JSON
"""

import http.client
import itertools
import json
import subprocess
import sys
import time
from threading import Thread

from benchmarks import logs
from benchmarks.wsload import ROOT

THREADS = 8  # connections that a browser keeps open
TIMEOUT_SECONDS = 20.0


def start(port: int, path: str, cookie: str, per_second: int, seconds: float) -> "subprocess.Popen[str]":
    arguments = (str(port), path, cookie, str(per_second), str(seconds))
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pages", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def found(process: "subprocess.Popen[str]") -> list[float]:
    """Waits for the process of start() to end. Returns the milliseconds of its page loads."""
    out, log = process.communicate(timeout=60)
    logs.report("The browser", log)
    assert process.returncode == 0, "a page could not be loaded"
    loads: list[float] = json.loads(out)
    return loads


def main() -> int:
    port, path, cookie, per_second, seconds = sys.argv[1:]
    count = int(int(per_second) * float(seconds))
    numbers = itertools.count()
    loads: list[float] = []
    begin = time.monotonic()

    def load() -> None:
        """Loads pages until all are done. A load is timed from when it was due, so that a late start counts."""
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        while (number := next(numbers)) < count:
            due = begin + number / int(per_second)
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("GET", path, headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
            if response.status != http.HTTPStatus.OK:
                return
            loads.append((time.monotonic() - due) * 1e3)

    threads = [Thread(target=load) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(loads, sys.stdout)
    return 0 if len(loads) == count else 1


if __name__ == "__main__":
    sys.exit(main())
