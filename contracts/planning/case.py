"""A test case: one request to send, and what the document says about it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contracts.media.files import Sample
from specs import FORM, JSON, Basis, State

TARGET_KEY = "key"
KEY, WRONG_KEY = "{key}", "{wrong key}"  # placeholders in an Authorization header
# For operations with an error of that name, which is not the one for a missing key.
OTHER_WRONG_KEY = "{other wrong key}"
WRONG_KEY_ERROR = "wrong_key"
# Real servers reject a key that ends so, and so does our mock, which accepts any other.
_WRONG_KEY_ENDS = {
    WRONG_KEY: "mock-unauthenticated",
    OTHER_WRONG_KEY: f"mock-{WRONG_KEY_ERROR}",
}
_KEPT_CHARACTERS = 6  # of a key, such as its prefix `sk-`


class Origin(StrEnum):
    """The part of imageparity that created a case; reports show the value."""

    PROBE = "probe"
    EXAMPLE = "example"
    STREAM = "stream"
    AUTH = "auth"
    MALFORMED = "malformed"
    TRANSPORT = "transport"
    ERROR = "error"
    PAIRS = "pairs"
    FUZZ = "fuzz"
    SCHEMATHESIS = "schemathesis"
    REMEMBERED = "remembered"
    SAME_QUESTIONS = "same-questions"
    MIGRATION = "drop-in"
    GATEWAY = "sandwich"
    TRAFFIC = "traffic"
    TASK = "task"
    MODELS = "models"


class Follow(StrEnum):
    """The course of the conversation about the long-running task of a case."""

    TO_THE_END = "to the end"
    CANCEL = "cancel"
    CANCEL_RUNNING = "cancel while it runs"
    DELETE = "delete"
    EVENTS = "listen to its events"


GENERATED_ORIGINS = {Origin.FUZZ, Origin.SCHEMATHESIS, Origin.REMEMBERED}


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """
    The fault of an invalid case, and the error response that it must get.

    `claim` is the violated claim, `error` the name of an error of the operation, and
    `params` are the fields that the error response may name. `others` are the errors
    that a server may report instead, where a request has several faults.
    """

    claim: str
    error: str
    params: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """
    A test case; `expectation` is the state of its request by the document.

    `payload` is the body as the document's schema sees it, with a `Sample` for each
    file. `raw` replaces the bytes of the body, `content_type` the Content-Type header.
    `auth` is the Authorization header: `TARGET_KEY` for the key of the target as a
    bearer token, None for no header; `KEY` and `WRONG_KEY` in it are replaced. `claims`
    are the claims that the response tests. `basis` is the basis on which a valid
    request is called valid. `generator` is set if a tool generated the case, but its
    `origin` is the kind of fault. `untested` is why the case cannot be sent; empty if
    it can. `follow` is what is done with the long-running task that the case creates.
    """

    id: str
    operation: str
    origin: Origin
    expectation: State
    media_type: str | None = JSON
    payload: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    basis: Basis = Basis.DOCUMENTED
    expected_error: ExpectedError | None = None
    auth: str | None = TARGET_KEY
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str | None = None
    method: str | None = None
    path: str | None = None
    generator: Origin | None = None
    untested: str = ""
    follow: Follow | None = None

    @property
    def is_generated(self) -> bool:
        """True for a case of Hypothesis or schemathesis, of this or an earlier run."""
        return (self.generator or self.origin) in GENERATED_ORIGINS

    @property
    def is_payload_only(self) -> bool:
        """True if the payload determines the whole request."""
        return (
            self.raw is None
            and self.auth == TARGET_KEY
            and not self.headers
            and self.path is None
            and self.method is None
        )


def authorization_header(auth: str | None, key: str) -> str | None:
    """The Authorization header of a case for a target with this key; None for none."""
    if auth is None:
        return None
    if auth == TARGET_KEY:
        return f"Bearer {key}"
    for placeholder, end in _WRONG_KEY_ENDS.items():
        auth = auth.replace(placeholder, wrong_key(key, end))
    return auth.replace(KEY, key)


def wrong_key(key: str, end: str = _WRONG_KEY_ENDS[WRONG_KEY]) -> str:
    """A key with the beginning and, if it is long enough, the length of another key."""
    start = key[: min(_KEPT_CHARACTERS, len(key) // 2)]
    filler = "0" * (len(key) - len(start) - len(end))
    return f"{start}{filler}{end}"


def body_of(case: Case) -> tuple[bytes, str | None]:
    """Encode the body of a case; returns the bytes and the Content-Type."""
    chunks, content_type = body_chunks(case)
    return b"".join(chunks), content_type


def body_chunks(case: Case) -> tuple[Sequence[bytes], str | None]:
    """As `body_of`, but in chunks: joining them would copy megabytes of padding."""
    if case.raw is not None or case.media_type is None:
        return [case.raw or b""], case.content_type or case.media_type
    if case.media_type == FORM:
        return _form_chunks(case.payload)
    text = json.dumps(case.payload, ensure_ascii=False)
    return [text.encode("utf-8", "surrogatepass")], case.content_type or JSON


def _form_chunks(payload: Mapping[str, Any]) -> tuple[Sequence[bytes], str]:
    parts = list(form_parts(payload))
    # Derived from the parts, so that the same case always gives the same bytes.
    names = repr([(name, str(value)) for name, value in parts])
    boundary = f"imageparity-{hashlib.sha256(names.encode()).hexdigest()[:24]}"
    lines: list[bytes] = []
    for name, value in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, Sample):
            head += (
                f'; filename="{value.filename}"\r\nContent-Type: {value.content_type}'
            )
        content = value.chunks if isinstance(value, Sample) else [value.encode()]
        lines += [head.encode(), b"\r\n\r\n", *content, b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return lines, f"{FORM}; boundary={boundary}"


def form_parts(payload: Mapping[str, Any]) -> Iterator[tuple[str, Sample | str]]:
    """
    Yield the name and value of each form part, as clients send them.

    Texts come before files. A list is one part per entry, named `name[]`.
    """
    flat = [
        (f"{name}[]", each) if isinstance(value, list) else (name, each)
        for name, value in payload.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    for name, value in flat:
        if not isinstance(value, Sample):
            yield name, form_text(value)
    for name, value in flat:
        if isinstance(value, Sample):
            yield name, value


def form_text(value: Any) -> str:
    """Encode a value that is not a file as the text of a form part."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
