"""A real exchange for a test: `manage.py runexchange` in a process of its own, on a database of its own.

The database is a copy of a migrated template; nothing is shared, nothing is flushed.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.client import HTTPResponse
from http.cookiejar import Cookie, CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.patience import PROCESS_SECONDS_MAX, STEP_SECONDS_MAX

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS_MAX = STEP_SECONDS_MAX
STOP_SECONDS_MAX = STEP_SECONDS_MAX


def manage(*arguments: str, env: Mapping[str, str], **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env={**os.environ, **env}, text=True, **options
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Template:
    """A migrated database with the people of prepare.py, which every exchange copies.

    `postgres_url`: the server that holds it; without it, SQLite.
    """

    def __init__(self, folder: Path, postgres_url: str = "") -> None:
        self.folder = folder
        self.postgres_url = postgres_url
        self.database = f"exchange_template_{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        if postgres_url:
            self._admin(f'DROP DATABASE IF EXISTS "{self.database}"', f'CREATE DATABASE "{self.database}"')
        done = subprocess.run(
            [sys.executable, "-m", "tests.live.prepare"],
            cwd=ROOT,
            env={**os.environ, **self._env(folder, self.database)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        self.people: dict[str, dict[str, Any]] = json.loads(done.stdout)

    def copy(self, folder: Path) -> dict[str, str]:
        """Copies the database; returns the environment of an exchange that uses the copy."""
        if self.postgres_url:
            name = f"{self.database}_{folder.name}"[:60]
            self._admin(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "{self.database}"')
            folder.mkdir(parents=True)
            return self._env(folder, name)
        shutil.copytree(self.folder, folder)
        return self._env(folder, "")

    def drop(self, database: str) -> None:
        if self.postgres_url:
            self._admin(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _env(self, folder: Path, database: str) -> dict[str, str]:
        env = {"EXCHANGE_VAR": str(folder), "DEMO": "0", "DATABASE_URL": f"sqlite:///{folder / 'exchange.sqlite3'}"}
        if self.postgres_url:
            server = urlsplit(self.postgres_url)  # urlunsplit would drop the slashes of an empty host
            env["DATABASE_URL"] = f"{server.scheme}://{server.netloc}/{database}?{server.query}"
        return env

    def _admin(self, *statements: str) -> None:
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


class LiveExchange:
    """An exchange that starts at once. Tests may call stop(), kill() and start(). `more`: environment variables."""

    def __init__(self, template: Template, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self.template = template
        self.people = template.people
        self.folder = folder
        self.env = {**template.copy(folder), "RATE_FACTOR": "1000", **(more or {})}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws"
        self.log = folder / "exchange.log"
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Returns when it serves. AssertionError with its log if it never does."""
        self.launch()
        self.until_served()

    def until_served(self) -> None:
        assert self.process is not None
        last = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < last and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the exchange did not start:\n{self.log.read_text()[-4000:]}")

    def launch(self) -> None:
        arguments = ("runexchange", "--role", "all", "--port", str(self.port))
        with self.log.open("a") as log:
            self.process = manage(*arguments, env=self.env, stdout=log, stderr=subprocess.STDOUT)

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """Sends SIGKILL (kill -9): the exchange cannot clean up, as in a crash."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)

    def restart(self) -> None:
        assert self.stop() == 0
        self.start()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.template.drop(urlsplit(self.env["DATABASE_URL"]).path[1:])

    def token(self, name: str) -> str:
        return str(self.people[name]["token"])

    def verify(self) -> str:
        """The report of `manage.py verify`, which must find nothing wrong."""
        verifying = manage("verify", env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        report, _ = verifying.communicate(timeout=PROCESS_SECONDS_MAX)
        assert verifying.returncode == 0, report
        return report

    def rss_bytes(self) -> int:
        """Resident memory of the process now, in bytes."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def browser(self, name: str = "") -> "Browser":
        """A session over HTTP, signed in if a name is given."""
        browser = Browser(self.url)
        if name:
            browser.sign_in(name, f"pass-{name}")
        return browser


class SplitExchange(LiveExchange):
    """An exchange in two processes: `process` is the web process, `matcher` the other one. `more` has REDIS_URL."""

    matcher: "subprocess.Popen[str]"

    def launch(self) -> None:
        self.launch_matcher()
        with self.log.open("a") as log:
            arguments = ("runexchange", "--role", "web", "--port", str(self.port))
            self.process = manage(*arguments, env=self.env, stdout=log, stderr=subprocess.STDOUT)

    def until_served(self) -> None:
        """Returns when the web process hears the matcher, so that nothing is answered BUSY any more."""
        super().until_served()
        last = time.monotonic() + START_SECONDS_MAX
        while self.browser("").get("/api/v1/health").status != HTTPStatus.OK:
            assert time.monotonic() < last, f"the matcher did not start:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.05)

    def launch_matcher(self) -> None:
        with self.log.open("a") as log:
            self.matcher = manage(
                "runexchange", "--role", "matcher", env=self.env, stdout=log, stderr=subprocess.STDOUT
            )

    def close(self) -> None:
        self.matcher.kill()
        self.matcher.wait(STOP_SECONDS_MAX)
        super().close()


class Page:
    def __init__(self, status: int, url: str, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.status = status
        self.url = url
        self.text = text
        self.headers = tuple(headers)


class Browser:
    """A browser without scripts: cookies, forms with their CSRF token, redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.use()

    def get(self, path: str) -> Page:
        return self.open(urllib.request.Request(self._absolute(path)))

    def post(self, path: str, page: str = "", **fields: str | int | tuple[str, ...]) -> Page:
        """Posts a form with the CSRF token of `page` (default: the path itself). Of a tuple, each value is sent."""
        form = self.get(page or path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert found is not None, f"no form on {page or path}: {form.status}\n{form.text[:500]}"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": found[1], **fields}, doseq=True).encode()
        return self.open(urllib.request.Request(self._absolute(path), data, {"Referer": self._absolute(page or path)}))

    def sign_in(self, name: str, password: str) -> None:
        page = self.post("/sign-in/", login=name, password=password)
        assert page.status == 200
        assert "/sign-in/" not in page.url, page.text[:2000]

    def resume(self, session: str) -> None:
        """Uses an existing session, given its key."""
        self.get("/sign-in/")  # its CSRF cookie tells how this exchange names its cookies
        (name,) = (one.name.replace("csrf", "session") for one in self.cookies if one.name.startswith("csrf_"))
        of_host = (None, False, "127.0.0.1", False, False, "/", True)
        self.cookies.set_cookie(Cookie(0, name, session, *of_host, False, None, True, None, None, {}))

    def share_cookies(self, other: "Browser") -> None:
        """Has the other's cookies from here on, and the other has ours, as two tabs do."""
        self.cookies = other.cookies
        self.use()

    def use(self, *handlers: urllib.request.BaseHandler) -> None:
        """Sends requests through these handlers too."""
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), *handlers)

    def cookie_header(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def _absolute(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path

    def open(self, request: urllib.request.Request) -> Page:
        try:
            response: HTTPResponse = self._opener.open(request, timeout=STEP_SECONDS_MAX)
        except urllib.error.HTTPError as error:
            return Page(error.code, error.url or "", error.read().decode(errors="replace"), error.headers.items())
        with response:
            text = response.read().decode(errors="replace")
            return Page(response.status, response.url, text, response.headers.items())
