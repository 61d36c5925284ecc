"""Helpers of settings.py: the data directory, its secret and cookies, exact amounts, checks of OIDC variables."""

import hashlib
import os
import secrets
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from realtime.addresses import is_loopback

SECRET_FILE = "secret_key"  # noqa: S105 - the file's name, not the secret
SECRET_BYTES = 50
COOKIE_DIGITS = 8
UNITS_A_CHIP = 10_000
# Without HS...: anybody could use a published key as its shared secret. Without "none": it is no signature.
ASYMMETRIC = {*(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA"}


def cash_units(chips: str) -> int:
    """An amount of chips with at most 4 decimals, in units of 1/10,000. Raises ImproperlyConfigured."""
    units = Decimal(chips) * UNITS_A_CHIP
    if units != units.to_integral_value() or units < 0:
        raise ImproperlyConfigured(f"{chips!r} is not an amount of chips with at most 4 decimals.")
    return int(units)


def provider_origin(issuer: str) -> str:
    """The origin of the sign-in provider. Raises ImproperlyConfigured unless it has TLS or is on this machine."""
    address = urlsplit(issuer)
    if address.scheme != "https" and not (address.scheme == "http" and is_loopback(address.hostname or "")):
        raise ImproperlyConfigured(f"EXCHANGE_OIDC_ISSUER is {issuer!r}, and has to begin with https://")
    return f"{address.scheme}://{address.netloc}"


def signature_algorithms(names: list[str]) -> list[str]:
    """The names, if all are asymmetric algorithms and there is one. Raises ImproperlyConfigured."""
    if not names or not ASYMMETRIC.issuperset(names):
        raise ImproperlyConfigured(f"EXCHANGE_OIDC_ALGORITHMS is {names}; {sorted(ASYMMETRIC)} are possible.")
    return names


def email_verification(wanted: str, sends_mail: bool) -> str:
    """allauth's setting. Raises ImproperlyConfigured if people must confirm a mail that is never sent."""
    if wanted == "mandatory" and not sends_mail:
        raise ImproperlyConfigured("EMAIL_VERIFICATION=mandatory needs EMAIL_URL: else nobody new can sign in.")
    return wanted


def access_audience(audience: str, client_id: str) -> str:
    """The audience of access tokens. Raises ImproperlyConfigured for the client id, the audience of id tokens."""
    if audience and audience == client_id:
        raise ImproperlyConfigured("EXCHANGE_OIDC_AUDIENCE is the client id: then id tokens would open sockets.")
    return audience


def data_directory(path: Path) -> Path:
    """The directory with the database and the secret. Creates it, for this user alone, if it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def secret_key(directory: Path) -> str:
    """The secret of this data directory, created at first use. Processes that start together get the same one."""
    target = directory / SECRET_FILE
    if not target.exists():
        _publish(target, secrets.token_urlsafe(SECRET_BYTES))
    return target.read_text(encoding="ascii").strip()


def cookie_suffix(secret: str) -> str:
    """The end of the cookies' names: another one for another secret, so that two exchanges under one host name, which
    share their visitors' cookies whatever their ports, do not overwrite each other's."""
    return hashlib.sha256(b"cookie names" + secret.encode()).hexdigest()[:COOKIE_DIGITS]


def _publish(target: Path, text: str) -> None:
    """Writes `target` with its whole content or not at all. A link never replaces another process's earlier file."""
    draft = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, target)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
