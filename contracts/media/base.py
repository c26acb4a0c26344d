"""
The needs of the harness for a medium: samples, outputs, guarantees, cost, preview.

`contracts.media.registry` has the table of all media.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.media.aspect import Aspects
from contracts.media.files import Sample
from contracts.media.guarantee import Guarantee
from specs import Dialect

MAX_OUTPUTS = 32  # of one response, that are fetched and decoded

LabelledValues = Iterator[tuple[Any, str]]
"""Values of a field, each with the label that names it in ids of cases."""


class Output(Protocol):
    """
    One image, video, … of a response.

    `data` are its bytes. `problem` is the reason why it does not decode, and None if
    it does. `summary` describes it in messages: `PNG 1024x1024`.
    """

    @property
    def data(self) -> bytes: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def summary(self) -> str: ...


class Seen(Protocol):
    """
    A response as a medium sees it.

    `object` is the body if it is a JSON object, `items` its entries for images, and
    `event_objects` the data of the events of a stream. `final_events` are those with an
    image. Entries and final events have the image in `b64_json` or `url`, whatever the
    provider calls it. `fetched` has the content of
    each fetched URL, or what is wrong with it.
    """

    @property
    def is_stream(self) -> bool: ...
    @property
    def object(self) -> Mapping[str, Any] | None: ...
    @property
    def items(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def event_objects(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def final_events(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def fetched(self) -> Mapping[str, bytes | str]: ...


class Samples(Protocol):
    """
    Values of the fields of a request for one medium. All names are canonical.

    - `plain_fields` are in the plainest request if the document has them.
    - `text_fields` take any text, such as the prompt.
    - `file_fields` take a file, or a reference to one.
    - `uncombined_fields` are not combined with the values of other fields.
    """

    @property
    def plain_fields(self) -> frozenset[str]: ...
    @property
    def text_fields(self) -> frozenset[str]: ...
    @property
    def file_fields(self) -> frozenset[str]: ...
    @property
    def uncombined_fields(self) -> frozenset[str]: ...

    def file(self, name: str, variant: int = 0) -> Sample:
        """A valid file for a field; `variant` selects one of several."""
        ...

    def file_values(self, name: str, schema: Mapping[str, Any]) -> LabelledValues:
        """Files at the limits of a schema of a file, valid and invalid."""
        ...

    def boundary_values(self, schema: Mapping[str, Any]) -> LabelledValues:
        """Values at the limits of the medium's own keywords, such as an image size."""
        ...

    def is_small(self, value: Any) -> bool:
        """True unless a value is large to send, or requests a large output."""
        ...

    def is_costly(self, value: Any) -> bool:
        """True for a value that requests many outputs."""
        ...


def _no_outputs(_: Seen) -> list[Any]:
    return []


def _one(_: Mapping[str, Any]) -> int:
    return 1


def _no_problems(
    _output: Any, _request: Mapping[str, Any], _dialect: Dialect
) -> Iterator[str]:
    return iter(())


def _no_aspects(_outputs: Sequence[Any], _fields: Mapping[str, Any]) -> Aspects:
    return iter(())


def _no_preview(_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """
    One medium.

    - `name` is its name in documents, `noun` what messages call one output.
    - `content_type` is how the content type of a linked output begins.
    - `outputs` decodes the outputs of a response, in order; None for a linked one that
      was not fetched, or beyond `MAX_OUTPUTS`.
    - `links` are the texts in a response that should be URLs of its outputs.
    - `requested_count` is the number of outputs of a request in canonical names.
    - `aspects` yields what decoded outputs show of a request, to compare servers.
    - `preview` describes a decoded output for a report, as JSON.

    - `decode` decodes the bytes of one output.
    - `result_problems` yields what a decoded output has other than a request, in
      canonical names, asks for; in words that follow "the result".

    By default a response holds no outputs, and a request is for one.
    """

    name: str
    noun: str
    content_type: str
    samples: Samples
    guarantees: tuple[Guarantee, ...] = ()
    outputs: Callable[[Seen], list[Any]] = _no_outputs
    links: Callable[[Seen], Iterable[str]] = _no_outputs
    requested_count: Callable[[Mapping[str, Any]], int] = _one
    aspects: Callable[[Sequence[Any], Mapping[str, Any]], Aspects] = _no_aspects
    preview: Callable[[Any], dict[str, Any]] = _no_preview
    decode: Callable[[bytes], Output]
    result_problems: Callable[[Any, Mapping[str, Any], Dialect], Iterator[str]] = (
        _no_problems
    )
