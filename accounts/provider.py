"""Verifies access tokens of the OpenID Connect provider (settings.OIDC_*) here, without a request for each.

A token's content counts only after one of the provider's keys verifies the signature, with an algorithm of the
settings. No address in its header is followed. Its `kid` only chooses among keys that the provider published.
"""

import logging
import threading
import time
from functools import cache
from typing import Any

import jwt
import requests
from django.conf import settings

logger = logging.getLogger(__name__)

TOKEN_CHARACTERS_MAX = 8_192
LEEWAY_SECONDS = 30  # between the provider's clock and ours
NEEDED_CLAIMS = ("iss", "aud", "sub", "exp", "iat")

KEYS_SECONDS = 300  # age at which the keys are fetched again
FETCH_EVERY_SECONDS = 60  # at most one fetch for unknown keys: forged tokens must not make us flood the provider
FETCH_TIMEOUT_SECONDS = 3  # for each of the two requests


class ProviderKeys:
    """The provider's public keys by `kid`. It keeps them while the provider cannot be reached. Thread-safe."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = float("-inf")  # time.monotonic()
        self._lock = threading.Lock()

    def find(self, kid: object) -> jwt.PyJWK | None:
        """The key, or None. May wait for the network, up to twice FETCH_TIMEOUT_SECONDS."""
        if not isinstance(kid, str):
            return None
        with self._lock:
            age = time.monotonic() - self._asked_at
            if age > KEYS_SECONDS or (kid not in self._keys and age > FETCH_EVERY_SECONDS):
                self._asked_at = time.monotonic()
                try:
                    self._keys = self._fetch()
                except (requests.RequestException, jwt.PyJWTError, ValueError, KeyError, TypeError) as failure:
                    logger.warning("The keys of %s cannot be fetched: %s", self._issuer, failure)
            return self._keys.get(kid)

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        configuration = _get(discovery_url(self._issuer))
        if configuration["issuer"] != self._issuer:
            raise ValueError(f"it calls itself {configuration['issuer']!r}")
        found = jwt.PyJWKSet.from_dict(_get(configuration["jwks_uri"]))
        return {key.key_id: key for key in found.keys if key.key_id and key.public_key_use in ("sig", None)}


def discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def access_token_claims(token: str) -> dict[str, Any] | None:
    """The token's claims; None if the provider did not sign it, or it is for another audience or not valid now."""
    if not settings.OIDC_AUDIENCE or len(token) > TOKEN_CHARACTERS_MAX:
        return None
    try:
        key = _keys(settings.OIDC_ISSUER).find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            return None
        claims: dict[str, Any] = jwt.decode(
            token,
            key,  # its own algorithm must be an allowed one and the header's
            algorithms=settings.OIDC_ALGORITHMS,
            issuer=settings.OIDC_ISSUER,
            audience=settings.OIDC_AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": list(NEEDED_CLAIMS)},
        )
    except (jwt.PyJWTError, RecursionError):  # RecursionError: deeply nested JSON
        return None
    return claims


def names_operator(claims: dict[str, Any]) -> bool:
    """Whether the roles claim holds the operators' role. A role is a text, or an object with `key` or `name`."""
    role, claim = settings.OIDC_OPERATOR_ROLE, claims.get(settings.OIDC_ROLES_CLAIM)
    roles = claim if isinstance(claim, list) else [claim]
    return bool(role) and any(
        role in (one.get("key"), one.get("name")) if isinstance(one, dict) else role == one for one in roles
    )


@cache
def _keys(issuer: str) -> ProviderKeys:
    return ProviderKeys(issuer)


def _get(url: str) -> Any:
    answer = requests.get(url, timeout=FETCH_TIMEOUT_SECONDS, allow_redirects=False)
    answer.raise_for_status()
    if answer.status_code != requests.codes.ok:
        raise ValueError(f"{url} answered {answer.status_code}")
    return answer.json()
