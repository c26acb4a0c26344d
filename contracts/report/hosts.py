"""Hosts of tested servers."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """True if a host name or IP address is a loopback one."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(base_url: str) -> bool:
    """True if the host of a URL is a loopback one; False for an invalid URL."""
    try:
        return is_loopback(urlsplit(base_url).hostname or "")
    except ValueError:
        return False
