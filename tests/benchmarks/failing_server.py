"""A server that logs an error and goes on. `python -m tests.benchmarks.failing_server` prints a port, like others."""

import logging
import signal

from benchmarks import logs

if __name__ == "__main__":
    logs.configure()
    logging.getLogger(__name__).error("planted")
    print(0, flush=True)
    signal.pause()
