"""Replace secrets in exchanges by marks, before these are judged and stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from mockserver.recordings.redaction import MIN_SECRET_LENGTH, REDACTED

_BINARY = ("image/", "video/", "audio/", "application/octet-stream")
_SIGNED_VALUE = re.compile(
    rb"(?P<name>(?:[?&]|\\u0026|&amp;)[\w.%-]*"
    rb"(?:sig|auth|key|token|secret|session|password|credential|policy)[\w.%-]*=)"
    rb"(?P<value>[^&\"'\\\s<>#]{6,})",
    re.IGNORECASE,
)


@dataclass
class Masks:
    """
    The marks for the secrets of one target.

    A mark has the length of its secret, and equal secrets have equal marks. Secrets are
    the API key and the values of headers of at least `MIN_SECRET_LENGTH` characters,
    and signed values in the query strings of URLs. `target` is the target as judging
    sees it: with marks. The secret of the marks themselves is not stored anywhere.
    """

    real: Target
    target: Target = field(init=False)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _signed: dict[str, str] = field(default_factory=dict, repr=False)
    _marks: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        real = self.real
        values = {name: self._mark(each) for name, each in real.header_values.items()}
        self.target = replace(real, key=self._mark(real.key), header_values=values)
        for value in sorted((real.key, *real.header_values.values()), key=len)[::-1]:
            if len(value) >= MIN_SECRET_LENGTH:
                mark = self._mark(value).encode()
                self._marks |= {each.encode(): mark for each in _spellings(value)}

    def content(self, data: bytes, content_type: str = "") -> bytes:
        """Some bytes without secrets; in text also without signed values of URLs."""
        for secret, mark in self._marks.items():
            data = data.replace(secret, mark)
        if content_type.startswith(_BINARY):
            return data
        return _SIGNED_VALUE.sub(self._mask_signed, data)

    def text(self, text: str) -> str:
        return self.content(text.encode("utf-8", "surrogatepass")).decode(
            "utf-8", "surrogatepass"
        )

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a response; cookies are left out."""
        return {
            name: REDACTED if name.lower() == "set-cookie" else self.text(value)
            for name, value in headers.items()
        }

    def response(
        self, headers: Mapping[str, str], body: bytes
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of a response."""
        kind = headers.get("content-type", "")
        return self.headers(headers), self.content(body, kind)

    def interaction(self, interaction: Interaction) -> Interaction:
        """An exchange without secrets; the same object if there are none in it."""
        headers, body = self.response(interaction.headers, interaction.body)
        fetched = {
            self.text(url): self.text(each)
            if isinstance(each, str)
            else self.content(each, "image/")
            for url, each in interaction.fetched.items()
        }
        masked = replace(
            interaction,
            headers=headers,
            body=body,
            problem=interaction.problem and self.text(interaction.problem),
            fetched=fetched,
            unfetched=tuple(map(self.text, interaction.unfetched)),
            earlier_429=tuple(map(self.headers, interaction.earlier_429)),
        )
        return interaction if masked == interaction else masked

    def unmask(self, url: str) -> str:
        """A URL or path of an earlier response, with its signed values."""
        for mark, value in list(self._signed.items()):
            url = url.replace(mark, value)
        return url

    def _mask_signed(self, match: re.Match[bytes]) -> bytes:
        value = match["value"].decode("utf-8", "replace")
        mark = self._mark(value)
        self._signed[mark] = value
        return match["name"] + mark.encode()

    def _mark(self, value: str) -> str:
        digest = hmac.new(self._secret, value.encode(), hashlib.sha256).hexdigest()
        length = len(value)
        start = "redacted" if length >= 2 * len("redacted") else ""
        filled = digest * (1 + length // len(digest))
        return (start + filled)[:length]


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, in a URL, and in JSON that escapes slashes."""
    yield from dict.fromkeys(
        (secret, quote(secret, safe=""), secret.replace("/", "\\/"))
    )
