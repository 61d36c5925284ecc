"""The secret of a data directory is made once, whole, and for its user alone; money is read without floats; a provider
is one that can be trusted."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from exchange.environment import (
    access_audience,
    cash_units,
    data_directory,
    provider_origin,
    secret_key,
    signature_algorithms,
)


def test_directory_and_secret_are_for_this_user_alone(tmp_path: Path) -> None:
    directory = data_directory(tmp_path / "deep" / "var")
    assert len(secret_key(directory)) >= 50
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "secret_key").stat().st_mode) == 0o600


def test_the_secret_stays(tmp_path: Path) -> None:
    assert secret_key(tmp_path) == secret_key(tmp_path)


def test_all_who_start_together_get_the_same_one_and_leave_nothing_behind(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(secret_key, [tmp_path] * 64))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_chips_become_units_exactly() -> None:
    assert [cash_units(chips) for chips in ("10000", "0.1", "0.0001", "0")] == [100_000_000, 1_000, 1, 0]


@pytest.mark.parametrize("chips", ["0.00001", "-1", "1.23456"])
def test_what_is_no_amount_is_refused(chips: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        cash_units(chips)


def test_a_provider_is_reached_over_tls_or_on_this_machine() -> None:
    assert provider_origin("https://school.kinde.com/x/") == "https://school.kinde.com"
    assert provider_origin("http://127.0.0.1:9000") == "http://127.0.0.1:9000"
    assert provider_origin("http://localhost:9000/realm") == "http://localhost:9000"
    for issuer in ("http://school.kinde.com", "school.kinde.com", "file:///etc/passwd", "http://127.0.0.1.example"):
        with pytest.raises(ImproperlyConfigured):
            provider_origin(issuer)


def test_signatures_are_asymmetric() -> None:
    assert signature_algorithms(["RS256", "ES256", "EdDSA"]) == ["RS256", "ES256", "EdDSA"]
    for names in (["RS256", "HS256"], ["none"], ["rs256"], []):
        with pytest.raises(ImproperlyConfigured):
            signature_algorithms(names)


def test_id_tokens_open_nothing() -> None:
    assert access_audience("https://api.example", "client") == "https://api.example"
    assert access_audience("", "") == ""
    with pytest.raises(ImproperlyConfigured):
        access_audience("client", "client")
