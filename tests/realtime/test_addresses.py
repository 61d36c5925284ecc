"""Which addresses belong to this machine only."""

import pytest

from realtime.addresses import LOCAL_HOSTS, is_loopback


@pytest.mark.parametrize("host", [*LOCAL_HOSTS, "::1", "127.0.0.2"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.0.7", "127.0.0.1.example", "localhost.example", "[", "x"]
)
def test_others_too(host: str) -> None:
    assert not is_loopback(host)
