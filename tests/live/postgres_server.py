"""A PostgreSQL server of a test's own, which the test may restart and freeze."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.live.exchange import free_port

WAIT_SECONDS = "60"
USER = "postgres"  # the server refuses to run as root

OPTIONS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories=''"


class PostgresServer:
    """Runs at once. Its files are gone after close()."""

    def __init__(self) -> None:
        self._port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="exchange_postgres_"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)
        self._data = self._folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-N", "--no-instructions")
        self.url = f"postgres://{USER}@127.0.0.1:{self._port}/postgres?sslmode=disable"
        self.start()

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("initdb") is not None and shutil.which("pg_ctl") is not None

    def start(self) -> None:
        """Returns when it answers."""
        self._control("start", "-o", f"-p {self._port} {OPTIONS}", "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Ends every connection. Returns when it is down."""
        self._control("stop", "-m", "fast")

    def freeze(self) -> None:
        """Stops the server's processes where they are (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self._folder)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)  # first, so that it makes no more children
        for child in _children(postmaster):
            os.kill(child, number)

    def _control(self, action: str, *more: str) -> None:
        self._run("pg_ctl", action, "-D", str(self._data), "-w", "-t", WAIT_SECONDS, *more)

    def _run(self, *command: str) -> None:
        as_user = ("runuser", "-u", USER, "--") if os.geteuid() == 0 else ()
        subprocess.run([*as_user, *command], cwd=self._folder, stdout=subprocess.DEVNULL, check=True)


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
