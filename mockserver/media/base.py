"""
The interface of a medium, such as images; it knows neither HTTP nor providers.

A medium *plans* the outputs of the response to a request. An output is one file. It is
made when it is sent, from facts alone, and is stored nowhere.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from specs import Cost, Dialect, Operation

DEFAULT_MEDIUM = "image"  # of documents and signed URLs that name no medium


class UnreadableUpload(ValueError):
    """An uploaded file from which no output can be made; the message says why."""


class Output(Protocol):
    """
    One file of a response. Equal outputs have the same bytes; they can be dict keys.

    The methods that return bytes or outputs, except `render_quickly`, block.
    """

    @property
    def medium(self) -> str:
        """The name of the medium in `MEDIA`."""

    @property
    def media_type(self) -> str:
        """The media type of the file: `image/png`."""

    @property
    def extension(self) -> str:
        """The end of the name of the file, without the dot: `png`."""

    @property
    def identity(self) -> str:
        """A hash of all that decides the bytes; it is the ETag of the file."""

    @property
    def request(self) -> str:
        """The hash of the request."""

    @property
    def uploads(self) -> Sequence[bytes]:
        """The uploaded files that the output is made from; empty without any."""

    @property
    def details(self) -> Mapping[str, Any]:
        """The facts that a response may state, such as `width`; JSON values."""

    @property
    def needs_helper(self) -> bool:
        """True if work on it would hold the interpreter lock for over 5 ms."""

    def __hash__(self) -> int: ...

    def render(self) -> bytes:
        """Make the file. Raises `UnreadableUpload`."""

    def render_quickly(self) -> bytes | None:
        """The file if it is made in milliseconds, on the event loop; else None."""

    def unreadable_upload(self) -> str | None:
        """The field of the first upload that cannot be used: `image[1]`; else None."""

    def facts(self) -> dict[str, Any]:
        """Everything that decides the bytes, as JSON, for `Medium.output_from`."""

    def with_small_uploads(self) -> "Output":
        """The output with its uploads small enough for a URL, or itself."""

    def stills(self) -> "Mapping[str, Output]":
        """
        Images that belong to the output, by the name of the field with their URL.

        A response has them where its document has a placeholder for them, such as
        `{output.cover_url}`.
        """

    def poster(self, media_type: str | None = None) -> "Output | None":
        """
        The image that stands for the output, such as a frame; None without one.

        `media_type` is one of an image; None leaves it to the output.
        """


class Renderer(Protocol):
    """Renders an output as base64, or returns a signed URL that renders it later."""

    async def base64_of(self, output: Output) -> bytes: ...

    async def url_of(self, output: Output) -> str: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A request, and what decides its outputs beyond it.

    `request` is the payload in canonical names with defaults, `files` the uploaded
    bytes by sha256, and `hash` the hash of the payload. `seed` and `realistic` are the
    settings of the server. `fault` is the name of the simulated fault, or None.
    """

    request: Mapping[str, Any]
    files: Mapping[str, bytes]
    hash: str
    operation: "Operation"
    dialect: "Dialect"
    seed: int = 0
    realistic: bool = False
    fault: str | None = None


class MediaEvent(NamedTuple):
    """An event of a stream; `data` is JSON in parts."""

    type: str
    data: list[bytes]
    is_final: bool  # it delivers a finished output


class Planned(Protocol):
    """
    The outputs of a response, and its content.

    The relay fault of the request, if any, damages what is sent, not what is planned
    and billed.
    """

    @property
    def outputs(self) -> Sequence[Output]:
        """The outputs that were asked for, and that are billed."""

    @property
    def meter(self) -> Mapping[str, int]:
        """The amounts that quotas count: `{"images": 2}`."""

    @property
    def usage(self) -> Mapping[str, Any]:
        """The usage as the response states it."""

    @property
    def cost(self) -> "Cost":
        """The cost at list prices."""

    @property
    def is_streaming(self) -> bool:
        """True if the response is a stream of events."""


class PlannedResponse(Planned, Protocol):
    """The content of a response that has its outputs at once."""

    @property
    def delivered(self) -> int:
        """The number of outputs in a JSON response."""

    @property
    def is_cacheable(self) -> bool:
        """True if the `texts` are the same at any time."""

    async def texts(self, renderer: Renderer) -> list[bytes]:
        """The texts in the response body, by number: base64, or a URL."""

    def body(
        self, created: int, project: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """
        The JSON of a response with a `placeholder` for each text.

        `created` is in seconds since 1970. `project` removes the fields that the
        document does not have.
        """

    def events(
        self,
        examples: Mapping[str, Any],
        renderer: Renderer,
        clock: Callable[[], float],
    ) -> AsyncIterator[MediaEvent]:
        """The events of a stream, in the form of the document's `examples`."""


class Medium(Protocol):
    """
    A kind of output: `image`.

    * `unit`: what its outputs are called where they are counted, such as `images`.
    * `used_fields`: canonical names of the fields that decide a response.
    * `file_fields`: canonical names of the fields that hold uploads, inline ones too.
    * `relay_faults`: descriptions of the defects of gateways that concern the medium.
    """

    name: str
    unit: str
    used_fields: frozenset[str]
    file_fields: frozenset[str]
    relay_faults: Mapping[str, str]

    def plan(self, asked: Asked) -> Planned:
        """Plan the outputs. Raises `Rejected` for a request that cannot be served."""

    def output_from(self, facts: dict[str, Any]) -> Output:
        """The output with these `facts`."""

    def forwarded(self, payload: dict[str, Any], fault: str) -> dict[str, Any]:
        """The payload as a relay with that fault forwards it."""
