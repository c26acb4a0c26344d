"""A server to test: its base URL, the API key for it, and how it is called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from contracts.planning.call_options import WITH_BEARER_TOKEN, Auth, CallOptions
from contracts.planning.case import TARGET_KEY, Case
from contracts.planning.paths import sample_path
from mockserver.recordings.redaction import MIN_SECRET_LENGTH
from specs import KeyPlace, Operation


@dataclass(frozen=True)
class Target:
    """
    A base URL, the API key for it, and how it is called.

    The base URL may have a query string, which each request then has. `header_values`
    has the values of the headers in `call`. Key and values are not in the `repr`.
    """

    base_url: str
    key: str = field(repr=False)
    is_mock: bool = False
    call: CallOptions = WITH_BEARER_TOKEN
    header_values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def url(self, case: Case, operation: Operation) -> str:
        """The URL of a case, without the API key."""
        base, _, query = self.base_url.partition("?")
        base = base.rstrip("/")
        if operation.server_url:
            own = urlsplit(operation.server_url).path.rstrip("/")
            base = base.removesuffix(operation.document_path) + own
        return _with_query(base + (case.path or sample_path(operation)), query)

    def request(self, case: Case, operation: Operation) -> tuple[str, dict[str, str]]:
        """The URL and the headers of a case, with the API key."""
        headers = {**self.header_values, **case.headers}
        url, own = self.with_key(
            self.url(case, operation), case.auth, self.call.auth_for(operation.id)
        )
        return url, {**headers, **own}

    def with_key(
        self, url: str, auth: str | None = TARGET_KEY, place: Auth | None = None
    ) -> tuple[str, dict[str, str]]:
        """
        A URL and the headers with the API key.

        `auth` is as that of a case, and `place` where the key is sent.
        """
        place = place or self.call.auth
        value = place.value(auth, self.key)
        if value is None:
            return url, {}
        if place.place is KeyPlace.QUERY:
            return _with_query(url, f"{place.name}={quote(value, safe='')}"), {}
        return url, {place.name: value}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the values of headers, longest first; short values are none."""
        values = (self.key, quote(self.key, safe=""), *self.header_values.values())
        known = {each for each in values if _is_secret(each)}
        return tuple(sorted(known, key=lambda each: (-len(each), each)))


def _with_query(url: str, query: str) -> str:
    """The URL with a query string added to its own."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _is_secret(value: str) -> bool:
    """True unless a value is so short that it is a part of common words."""
    return len(value) >= MIN_SECRET_LENGTH
