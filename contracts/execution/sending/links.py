"""The links to images in a response, and which of them may be fetched."""

from collections.abc import Set as AbstractSet

from yarl import URL

from contracts.judging.interaction import MAX_IMAGES, Interaction, url_problem


def image_urls(interaction: Interaction) -> list[str]:
    """The distinct HTTP URLs of the images of a response."""
    if not interaction.is_success or interaction.problem is not None:
        return []
    urls = [item.get("url") for item in interaction.items[:MAX_IMAGES]]
    known = dict.fromkeys(each for each in urls if isinstance(each, str))
    return [each for each in known if each.startswith("http") and not url_problem(each)]


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
