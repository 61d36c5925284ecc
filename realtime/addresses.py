"""Whether an address is of this very machine."""

from ipaddress import ip_address

# The names under which a browser on this machine reaches a server on it, as its Host header writes them.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. An IPv6 address may stand in brackets."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
