"""Values from the environment: the secret of a data directory, amounts of money, the sign-in provider.

The secret is written once, as a whole, and only its user may read it. Amounts are exact. A provider must be safe.
"""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from exchange.environment import (
    access_audience,
    cash_units,
    cookie_suffix,
    data_directory,
    email_verification,
    provider_origin,
    secret_key,
    signature_algorithms,
)


def test_only_this_user_may_read_directory_and_secret(tmp_path: Path) -> None:
    directory = data_directory(tmp_path / "deep" / "var")
    assert len(secret_key(directory)) >= 50
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "secret_key").stat().st_mode) == 0o600


def test_the_secret_stays(tmp_path: Path) -> None:
    assert secret_key(tmp_path) == secret_key(tmp_path)


def test_exchanges_with_different_secrets_name_their_cookies_differently(tmp_path: Path) -> None:
    one, other = (secret_key(data_directory(tmp_path / name)) for name in ("one", "other"))
    assert cookie_suffix(one) == cookie_suffix(one) != cookie_suffix(other)
    assert cookie_suffix(one) not in one


def test_processes_that_start_together_get_the_same_secret_and_leave_no_other_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(secret_key, [tmp_path] * 64))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_chips_become_units_exactly() -> None:
    assert [cash_units(chips) for chips in ("10000", "0.1", "0.0001", "0")] == [100_000_000, 1_000, 1, 0]


@pytest.mark.parametrize("chips", ["0.00001", "-1", "1.23456"])
def test_a_text_that_is_no_amount_is_refused(chips: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        cash_units(chips)


def test_a_provider_must_use_tls_or_be_on_this_machine() -> None:
    assert provider_origin("https://school.kinde.com/x/") == "https://school.kinde.com"
    assert provider_origin("http://127.0.0.1:9000") == "http://127.0.0.1:9000"
    assert provider_origin("http://localhost:9000/realm") == "http://localhost:9000"
    for issuer in ("http://school.kinde.com", "school.kinde.com", "file:///etc/passwd", "http://127.0.0.1.example"):
        with pytest.raises(ImproperlyConfigured):
            provider_origin(issuer)


def test_signature_algorithms_must_be_asymmetric() -> None:
    assert signature_algorithms(["RS256", "ES256", "EdDSA"]) == ["RS256", "ES256", "EdDSA"]
    for names in (["RS256", "HS256"], ["none"], ["rs256"], []):
        with pytest.raises(ImproperlyConfigured):
            signature_algorithms(names)


def test_a_mail_that_must_be_confirmed_must_be_sent() -> None:
    assert email_verification("mandatory", sends_mail=True) == "mandatory"
    assert email_verification("none", sends_mail=False) == "none"
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        email_verification("mandatory", sends_mail=False)


def test_id_tokens_are_not_accepted_as_access_tokens() -> None:
    assert access_audience("https://api.example", "client") == "https://api.example"
    assert access_audience("", "") == ""
    with pytest.raises(ImproperlyConfigured):
        access_audience("client", "client")
