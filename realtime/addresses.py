"""Tells where an address belongs: to this machine, or to which network of a client."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

# The names by which a browser reaches a server on the same machine, as in its Host header.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach the host. An IPv6 address may be in brackets."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def network(address: str) -> str:
    """Returns what stands for one client: an IPv4 address, or the first 64 bits of an IPv6 one, of which a client has
    all the rest. Other texts stay as they are."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed.packed[:8] + bytes(8), 64)))


def client(scope: Mapping[str, Any]) -> str:
    """Returns the client's address, as our outermost proxy saw it."""
    proxies: int = settings.TRUSTED_PROXY_COUNT
    headers: dict[bytes, bytes] = dict(scope["headers"])
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin1").split(",")
    if proxies and len(forwarded) >= proxies:
        return forwarded[-proxies].strip()
    return str(scope["client"][0]) if scope.get("client") else ""
