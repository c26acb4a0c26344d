"""The record of a guarantee, and what its check sees and yields."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.media.files import with_file_facts
from specs import GUARANTEES, Dialect, ResponseLayout


@dataclass(frozen=True, slots=True)
class Breach:
    """
    One way in which a response violates a guarantee.

    `field` is the canonical name of the request field that the response does not
    honour, `asked` its value in the request, `came` its value in the response. For a
    guarantee that compares two responses, `came` is the value whose response is the
    same. Each is None where it does not apply.
    """

    message: str
    field: str | None = None
    asked: str | None = None
    came: str | None = None


Breaches = Iterator[Breach]


@dataclass(slots=True)
class AnswerHistory:
    """
    The earlier responses of a run, as far as later ones are compared with them.

    `models` has the listed models by id: the request fields that each declares.
    """

    by_request_key: dict[str, tuple[str, int]] = field(default_factory=dict)
    by_prompt: dict[str, tuple[Any, str]] = field(default_factory=dict)
    by_name: dict[str, str] = field(default_factory=dict)
    models: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def first_value(self, name: str, value: str) -> str:
        """The value that came with this name first."""
        return self.by_name.setdefault(name, value)

    def first_variant(self, key: str, variant: str, data: bytes) -> str:
        """The variant of the request that was first answered with this file."""
        digest = hashlib.sha256(data).hexdigest()
        return self.by_request_key.setdefault(f"{key} {digest}", (variant, 0))[0]


class JudgedResponse(Protocol):
    """
    A response as the checks of one medium see it.

    `request` has canonical names and documented defaults. `is_refused` is true for a
    success in which the model refused the request. `decoded` are the outputs
    that decode, `results` all of them, in order; None for an output that is missing.
    `object` is the body if it is a JSON object, `entries` its array of images if it has
    one, and `items` the objects in that array. `layout` says where they are. `bodies`
    are the JSON objects of the response: its body, or those of its events.
    """

    @property
    def request(self) -> Mapping[str, Any]: ...
    @property
    def is_stream(self) -> bool: ...
    @property
    def is_refused(self) -> bool: ...
    @property
    def dialect(self) -> Dialect: ...
    @property
    def decoded(self) -> Sequence[Any]: ...
    @property
    def results(self) -> Sequence[Any]: ...
    @property
    def object(self) -> Mapping[str, Any] | None: ...
    @property
    def entries(self) -> Sequence[Any] | None: ...
    @property
    def layout(self) -> ResponseLayout: ...
    @property
    def bodies(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def items(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def history(self) -> AnswerHistory: ...
    def request_key(self, *, without: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The pairs of values of a field that must lead to different responses.

    Both requests are the same in all other fields.
    """

    must_differ: Callable[[Any, Any], bool]
    is_eligible: Callable[[Any], bool] = lambda value: True


@dataclass(frozen=True, slots=True)
class Guarantee:
    """
    A guarantee that a document may make of responses, with the check for it.

    `field` is the canonical name of the request field that a response shows to be
    honoured; `echoed_fields` are those whose values the response repeats. `row` is the
    row of a comparison of providers, if it is not the one of the field. `aspect` is the
    aspect of a response (see `compare.servers.aspects`) whose value is guaranteed;
    without one, the guarantee is only kept or violated. `comparison` is set if two
    responses to different requests are compared. `uses_history` is set if the check
    looks at earlier responses of any request. Empty strings stand for none.
    """

    name: str
    check: Callable[[Any], Breaches]
    field: str = ""
    echoed_fields: tuple[str, ...] = ()
    row: str = ""
    aspect: str = ""
    comparison: Comparison | None = None
    uses_history: bool = False
    streams_only: bool = False
    errors_only: bool = False

    @property
    def sentence(self) -> str:
        return GUARANTEES[self.name]

    @property
    def comparison_row(self) -> str:
        """The row of a comparison below its operation; empty for the whole response."""
        return self.row or (f"request/{self.field}" if self.field else "")


def request_key(request: Mapping[str, Any], media_type: str, *, without: str) -> str:
    """A hash of a request in canonical names, without one field."""
    rest = {key: value for key, value in request.items() if key != without}
    text = json.dumps([media_type, with_file_facts(rest)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
