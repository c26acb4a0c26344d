"""Hosts of this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """True if a host name or IP address is a loopback one."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
