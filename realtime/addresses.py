"""Tells whether an address belongs to this machine."""

from ipaddress import ip_address

# The names by which a browser reaches a server on the same machine, as in its Host header.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach the host. An IPv6 address may be in brackets."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
