"""A question that will be put to a provider, and what its document says of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.media.image.samples import Sample
from specs import Basis, State

JSON, FORM = "application/json", "multipart/form-data"
TARGET_KEY = "key"
GENERATED_ID_PARTS = ("/fuzz/", "/schemathesis/", "/remembered/")  # in the id of a case


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """The one thing that is wrong with a case, and the error it leads to."""

    claim: str
    error: str
    params: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """
    A request to be sent, classified by judging it.

    `payload` is what the judge saw, with samples for files; `raw` replaces its bytes
    and `content_type` its label, for bodies that no payload stands for. `auth` is
    `key` for the target's own, else the whole header, None for none. `claims` are
    those that the answer will say something about; `basis` is who says that a valid
    request is valid.
    """

    id: str
    operation: str
    origin: str
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

    @property
    def is_generated(self) -> bool:
        """Whether Hypothesis or schemathesis generated it, now or in an earlier run."""
        return any(part in self.id for part in GENERATED_ID_PARTS)

    @property
    def is_payload_only(self) -> bool:
        """Whether its payload says all there is to it."""
        return (
            self.raw is None
            and self.auth == TARGET_KEY
            and not self.headers
            and self.path is None
            and self.method is None
        )


def body_of(case: Case) -> tuple[bytes, str | None]:
    """The bytes and the Content-Type of a case: the same every time."""
    pieces, content_type = body_chunks(case)
    return b"".join(pieces), content_type


def body_chunks(case: Case) -> tuple[Sequence[bytes], str | None]:
    """As `body_of`, in parts: put together, those of megabytes would be copied."""
    if case.raw is not None or case.media_type is None:
        return [case.raw or b""], case.content_type or case.media_type
    if case.media_type == FORM:
        return _form_chunks(case.payload)
    text = json.dumps(case.payload, ensure_ascii=False)
    return [text.encode("utf-8", "surrogatepass")], case.content_type or JSON


def _form_chunks(payload: Mapping[str, Any]) -> tuple[Sequence[bytes], str]:
    """A form as clients send it: texts first, one part a file, `name[]` for several."""
    parts = list(form_parts(payload))
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


def form_parts(payload: Mapping[str, Any]) -> Iterator[tuple[str, "Sample | str"]]:
    """The parts of a form, files after texts."""
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
    """A value as a form's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
