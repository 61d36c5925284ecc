"""One person's REST requests to a live exchange."""

from typing import Any

import pytest
import requests

from tests.live.exchange import LiveExchange
from tests.patience import STEP_SECONDS_MAX

WAIT_SECONDS = STEP_SECONDS_MAX


class Door:
    """Requests with a person's token, or without one. Every request sends `headers`."""

    def __init__(self, exchange: LiveExchange, name: str = "", **headers: str) -> None:
        self.url = f"{exchange.url}/api/v1"
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if name:
            self.headers["Authorization"] = f"Bearer {exchange.token(name)}"

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        url = f"{self.url}{path}"
        return requests.request(method, url, headers={**self.headers, **(headers or {})}, timeout=WAIT_SECONDS, **more)

    def get(self, path: str, **query: Any) -> Any:
        """The body of the answer, which must be a success."""
        return self.good(self.ask("GET", path, params=query))

    def post(self, path: str, key: str = "", **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.good(self.ask("POST", path, headers, json=body))

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, str, str | None]:
        """Status, code and field of the answer, which must be a refusal."""
        answer = self.ask(method, path, **more)
        content = answer.json()
        assert set(content) == {"code", "message", "field", "details", "request_id"}, content
        assert answer.headers["X-Request-Id"] == content["request_id"]
        assert content["message"]
        return answer.status_code, content["code"], content["field"]

    def market(self, name: str, **more: Any) -> int:
        """Creates a market from 0 to 100; returns its id."""
        content = self.post("/markets", name=name, min_settlement="0", max_settlement="100", **more)
        return int(content["market"]["id"])

    def order(self, market: int, side: str, price: str, size: str, **more: Any) -> Any:
        return self.post("/orders", market_id=market, side=side, price=price, size=size, **more)

    @staticmethod
    def good(answer: requests.Response) -> Any:
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


def own(door: Door) -> int:
    return int(door.get("/me")["account_id"])


# Marks a test with fixture `live`: it runs with the module's exchange and with one on PostgreSQL.
on_both_databases = pytest.mark.parametrize(
    "live",
    [None, pytest.param("postgres_template", marks=pytest.mark.postgres)],
    ids=["sqlite", "postgresql"],
    indirect=True,
)


# --- Fixtures for modules that import them


@pytest.fixture
def alice(live: LiveExchange) -> Door:
    return Door(live, "alice")


@pytest.fixture
def bob(live: LiveExchange) -> Door:
    return Door(live, "bob")


@pytest.fixture
def operator(live: LiveExchange) -> Door:
    return Door(live, "operator", X_Sudo="true")
