"""The hosts that outputs of responses may be fetched from."""

from collections.abc import Set as AbstractSet

from yarl import URL


def host_alone(text: str) -> str:
    """A host name or IP address, in lower case. Raises `ValueError` for other texts."""
    try:
        host = URL.build(scheme="http", host=text.strip("[]")).host
    except ValueError:
        host = None
    if not host:
        raise ValueError(f"'{text}' is not a host alone, such as images.example.com")
    return host


def may_fetch(url: str, base_url: str, hosts: AbstractSet[str]) -> bool:
    """True for a URL at the origin of the base URL, or at one of the hosts."""
    parsed = URL(url)
    return parsed.origin() == URL(base_url).origin() or parsed.host in hosts
