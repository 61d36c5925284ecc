"""Access tokens that must be refused: what is wrong -> the token. `sub` is a person whose real tokens are accepted."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.live.provider import CLIENT, Provider


def forgeries(school: Provider, sub: str) -> dict[str, str]:
    kinds = (_badly_signed, _by_another, _wrong_claims, _not_even_tokens)
    return {name: token for kind in kinds for name, token in kind(school, sub).items()}


def _badly_signed(school: Provider, sub: str) -> dict[str, str]:
    claims = _claims(school, sub)
    public = school.key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def by(alg: str, secret: bytes = b"") -> str:
        start = f"{_part({'alg': alg, 'kid': school.kid})}.{_part(claims)}"
        return f"{start}.{_base64(hmac.digest(secret, start.encode(), 'sha256')) if secret else ''}"

    return {
        "no signature": by("none"),
        "no signature, spelled otherwise": by("None"),
        "the public key as a shared secret": by("HS256", pem),
        "the modulus as a shared secret": by("HS256", str(public.public_numbers().n).encode()),
        "an algorithm that is not allowed": jwt.encode(claims, school.key, "RS512", {"kid": school.kid}),
    }


def _by_another(school: Provider, sub: str) -> dict[str, str]:
    claims, elsewhere = _claims(school, sub), f"{school.issuer}/evil"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))

    def with_header(**header: Any) -> str:
        return jwt.encode(claims, key, "RS256", {"kid": school.kid, **header})

    return {
        "signed by another": with_header(),
        "signed by another, whose key it brings": with_header(jwk=own),
        "signed by another, whose keys are elsewhere": with_header(jku=elsewhere, x5u=elsewhere),
        "an unknown key": with_header(kid="unknown"),
        "one more unknown key": school.sign(sub, headers={"kid": "unknown too"}),
        "a key that is a file": with_header(kid="../../../../dev/null"),
        "a key that is an address": with_header(kid=elsewhere),
        "a key that is a query": with_header(kid="' OR 1=1 --"),
    }


def _wrong_claims(school: Provider, sub: str) -> dict[str, str]:
    now = int(time.time())
    return {
        "another audience": school.sign(sub, aud="somebody else"),
        "no audience": school.sign(sub, aud=None),
        "an id token": school.sign(sub, aud=CLIENT),
        "another issuer": school.sign(sub, iss="https://evil.example"),
        "the issuer and more": school.sign(sub, iss=f"{school.issuer}/"),
        "no issuer": school.sign(sub, iss=None),
        "nobody": school.sign(None),
        "somebody unknown": school.sign("sub-nobody"),
        "expired": school.sign(sub, exp=now - 60),
        "without an end": school.sign(sub, exp=None),
        "not yet valid": school.sign(sub, nbf=now + 120),
        "from the future": school.sign(sub, iat=now + 120),
    }


def _not_even_tokens(school: Provider, sub: str) -> dict[str, str]:
    good = school.sign(sub)
    header, body, signature = good.split(".")
    return {
        "a key that is no text": f"{_part({'alg': 'RS256', 'kid': ['a']})}.{body}.{signature}",
        "no key": f"{_part({'alg': 'RS256'})}.{body}.{signature}",
        "another body": f"{header}.{_part({**_claims(school, sub), 'sub': 'sub-dora'})}.{signature}",
        "cut off": good[:-10],
        "without a signature": f"{header}.{body}.",
        "two parts": f"{header}.{body}",
        "four parts": f"{good}.{signature}",
        "dots": "...",
        "garbage": "é☃.\x00.🐌",
        "nested deeply": f"{_base64(b'[' * 5_000)}.{body}.{signature}",
        "huge": f"{header}.{body}{'A' * 30_000}.{signature}",
    }


def _claims(school: Provider, sub: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(school.sign(sub), options={"verify_signature": False})
    return claims


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
