"""Hosts of tested servers."""

from urllib.parse import urlsplit

from mockserver.hosts import is_loopback


def is_loopback_url(base_url: str) -> bool:
    """True if the host of a URL is a loopback one; False for an invalid URL."""
    try:
        return is_loopback(urlsplit(base_url).hostname or "")
    except ValueError:
        return False
