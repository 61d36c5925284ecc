"""An OpenID Connect provider for tests, over HTTP: oidc-provider-mock, which signs access tokens as real ones do.

It asks only for a name and records every request.
"""

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import jwt
import oidc_provider_mock
from oidc_provider_mock._storage import storage
from werkzeug.serving import make_server

from tests.live.exchange import Browser, Page

AUDIENCE = "https://exchange.example/api"
CLIENT = "exchange-client"
ID = "school"
ROLE = "exchange-operators"


class Provider:
    def __init__(self) -> None:
        app = flask.Flask(oidc_provider_mock.__name__)  # its templates
        app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = self._access_token
        oidc_provider_mock.init_app(app)
        self.requests: list[tuple[str, dict[str, str]]] = []  # path, and the fields sent in the address and body
        app.before_request(self._note)
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.claims: dict[str, dict[str, Any]] = {}  # sub -> further claims of the person's access tokens
        self.key: Any = None  # private; set at the first request
        self.kid = ""
        self._storage: Any = None
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        urllib.request.urlopen(f"{self.issuer}/jwks").close()
        self.requests.clear()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of an exchange that uses this provider."""
        return {
            "EXCHANGE_OIDC_ISSUER": self.issuer,
            "EXCHANGE_OIDC_ID": ID,
            "EXCHANGE_OIDC_NAME": "the school",
            "EXCHANGE_OIDC_CLIENT_ID": CLIENT,
            "EXCHANGE_OIDC_CLIENT_SECRET": "s3cret",
            "EXCHANGE_OIDC_AUDIENCE": AUDIENCE,
            "EXCHANGE_OIDC_ROLES_CLAIM": "roles",
            "EXCHANGE_OIDC_OPERATOR_ROLE": ROLE,
        }

    def user(self, sub: str, access: dict[str, Any] | None = None, **claims: Any) -> None:
        """`claims` go into the id token and the user info, `access` into access tokens."""
        self.claims[sub] = access or {}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.issuer}/users/{sub}", json.dumps(claims).encode(), headers, method="PUT"
        )
        urllib.request.urlopen(request).close()

    def sign(self, sub: str | None, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """An access token; claims that are None are left out."""
        now = int(time.time())
        payload = {
            "iss": self.issuer,
            "aud": [AUDIENCE],
            "sub": sub,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            **claims,
        }
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, self.key, "RS256", {"kid": self.kid, **(headers or {})})

    def rotate(self) -> None:
        """Makes it sign with a new key from now on."""
        self._storage.jwk = type(self._storage.jwk).generate_key(is_private=True)
        urllib.request.urlopen(f"{self.issuer}/jwks").close()

    def asked(self, path: str) -> list[dict[str, str]]:
        """The fields of the requests to this path, in order."""
        return [sent for where, sent in self.requests if where == path]

    def _access_token(self, client: Any, grant_type: str, user: Any, scope: str) -> str:
        return self.sign(user.sub, **self.claims.get(user.sub, {}))

    def _note(self) -> None:
        proxy: Any = storage  # of the current request
        self._storage = proxy._get_current_object()
        private = storage.jwk.as_dict(is_private=True)
        self.key, self.kid = jwt.PyJWK(private, algorithm="RS256").key, str(private["kid"])
        self.requests.append((flask.request.path, flask.request.values.to_dict()))


@contextmanager
def provider() -> Iterator[Provider]:
    one = Provider()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()


def sign_in(browser: Browser, sub: str, at: str = "/sign-in/") -> Page:
    """Signs in with the button on the sign-in page and the provider's form; returns the last page."""
    fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(at).query))
    form = browser.post("/sign-in/provider/", at, **fields)
    assert "Authorize Client" in form.text, form.text[:2000]
    return browser.open(urllib.request.Request(form.url, urllib.parse.urlencode({"sub": sub}).encode()))
