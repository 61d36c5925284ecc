"""Which addresses belong to this machine only, and which to one client."""

import pytest

from realtime.addresses import LOCAL_HOSTS, is_loopback, network


@pytest.mark.parametrize("host", [*LOCAL_HOSTS, "::1", "127.0.0.2"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.0.7", "127.0.0.1.example", "localhost.example", "[", "x"]
)
def test_others_too(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_who_shares_an_address(address: str, expected: str) -> None:
    assert network(address) == expected
