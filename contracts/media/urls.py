"""URLs of outputs in responses."""

import ipaddress

from yarl import URL


def url_problem(url: str) -> str | None:
    """The reason why no client can fetch an output from a URL; None if one can."""
    try:
        parsed = URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            return f"has {url[:60]!r}, which is not an HTTP URL"
    except ValueError:
        return f"has {url[:60]!r}, which is not a URL"
    try:
        host = ipaddress.ip_address(parsed.host)
    except ValueError:
        return None  # a host name
    if host.is_link_local or host.is_multicast or host.is_unspecified:
        return f"has {url[:60]!r}, which no client can reach"
    return None
