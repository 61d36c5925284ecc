"""An exchange in four supervised processes: two matchers, of which one is the standby, and two webs."""

import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from markets.journal.lock import ADVISORY_KEY, FIND_HOLDER
from tests.live.exchange import SplitExchange, Template, free_port, manage
from tests.patience import STEP_SECONDS_MAX

LOOK_SECONDS = 0.1
MATCHERS = ("matcher-a", "matcher-b")


class Cluster(SplitExchange):
    """`process` is the first web. Every process that ends is started again, as systemd does with Restart=always."""

    def __init__(self, template: Template, folder: Path, more: Mapping[str, str]) -> None:
        self.second_port = free_port()
        self.second_ws_url = f"ws://127.0.0.1:{self.second_port}/ws"
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.ended: list[tuple[str, int]] = []  # name and exit status of each process that ended
        self._closing = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise)
        try:
            super().__init__(template, folder, more)
        except BaseException:
            self.close()
            raise

    def launch(self) -> None:
        for name in (*MATCHERS, "web-a", "web-b"):
            self._launch(name)
        self.process, self.matcher = self.processes["web-a"], self.processes[MATCHERS[0]]
        self._supervisor.start()

    def _launch(self, name: str) -> None:
        web = ("--role", "web", "--port", str(self.port if name == "web-a" else self.second_port))
        arguments = ("--role", "matcher", "--standby") if name in MATCHERS else web
        env = {**self.env, "DATABASE_URL": f"{self.env['DATABASE_URL']}&application_name={name}"}
        with self.log.open("a") as log:
            self.processes[name] = manage("runexchange", *arguments, env=env, stdout=log, stderr=subprocess.STDOUT)

    def _supervise(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    self.ended.append((name, process.returncode))
                    self._launch(name)

    @property
    def active(self) -> str:
        """The name of the matcher that holds the lock; empty if none does."""
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            found = connection.execute(FIND_HOLDER.encode(), (ADVISORY_KEY,)).fetchall()
            if not found:
                return ""
            query = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"
            (name,) = connection.execute(query, (found[0][0],)).fetchone() or ("",)
        return str(name)

    def until_standby_waits(self) -> None:
        """Returns when the matcher that does not hold the lock has sessions, so that it follows the journal."""
        last = time.monotonic() + STEP_SECONDS_MAX
        query = "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name = ANY(%s)"
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
            while connection.execute(query, (list(MATCHERS),)).fetchone() != (len(MATCHERS),):
                assert time.monotonic() < last, "no standby waits"
                time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        self._closing.set()
        self._supervisor.join()
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.template.drop(urlsplit(self.env["DATABASE_URL"]).path[1:])
