"""The content of dialect.yaml: how to talk to a provider."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from specs.documents.condition import ALWAYS, Condition
from specs.documents.image import ImageRules, ImageTokens
from specs.documents.reading.problems import Problems
from specs.documents.reading.sources import builtin_violations
from specs.documents.tasks import values_at
from specs.documents.video import SizeTable, VideoRule, VideoRules, VideoTokens
from specs.media.image import DEFAULT_SIZE, size_of
from specs.validation.evidence import Basis, Evidence

Part = TypeVar("Part")
Statements = tuple[Mapping[str, str], ...]
"""Contradicting statements of a provider's own pages, each `{says, source}`."""


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """The form of a provider's API keys, in words or as an example."""

    form: str
    source: str
    note: str = ""
    contradicts: Statements = ()


@dataclass(frozen=True, slots=True)
class ClientVariables:
    """The environment variables from which clients read a base URL and an API key."""

    base_url: str
    key: str
    source: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    The form of the images in responses: `url`, `b64_json` or `data_uri`.

    It applies to the requests, in canonical names, that meet the condition `when`.
    """

    give: str
    source: str
    when: Condition = ALWAYS
    basis: Basis = Basis.DOCUMENTED
    note: str = ""
    contradicts: Statements = ()

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.source, self.basis)


@dataclass(frozen=True, slots=True)
class UrlLifetime:
    """The number of seconds for which the URL of an image is valid."""

    seconds: int
    source: str
    basis: Basis = Basis.DOCUMENTED

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.source, self.basis)


@dataclass(frozen=True, slots=True)
class UrlAccess:
    """
    The requests for the URL of an image that storage refuses.

    Methods other than `methods` are refused, and requests without one of `headers`.
    """

    source: str
    methods: tuple[str, ...] = ("GET", "HEAD")
    headers: tuple[str, ...] = ()
    basis: Basis = Basis.DOCUMENTED

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.source, self.basis)


@dataclass(frozen=True, slots=True)
class ImagePrice:
    """
    The price of one image.

    `when` is a condition on `{model, quality, size, width, height, longest_edge,
    operation}`.
    """

    price: float
    source: str
    when: Condition = ALWAYS

    @property
    def amounts(self) -> Mapping[str, float]:
        """The price under its name in dialect.yaml."""
        return {"price": self.price}


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """The prices of a million tokens; `when` is a condition as in `ImagePrice`."""

    text_input: float
    image_input: float
    image_output: float
    source: str
    when: Condition = ALWAYS

    @property
    def amounts(self) -> Mapping[str, float]:
        """The prices under their names in dialect.yaml."""
        names = ("text_input", "image_input", "image_output")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class SecondPrice:
    """
    The price of one second of a video.

    `when` is a condition on the canonical request with `{operation, width, height,
    duration, resolution, aspect_ratio, sound}` of its video.
    """

    price: float
    source: str
    when: Condition = ALWAYS

    @property
    def amounts(self) -> Mapping[str, float]:
        """The price under its name in dialect.yaml."""
        return {"price": self.price}


@dataclass(frozen=True, slots=True)
class PriceList:
    """The documented prices; of each list the first entry that applies is used."""

    currency: str
    per_image: tuple[ImagePrice, ...] = ()
    per_million_tokens: tuple[TokenPrice, ...] = ()
    per_second: tuple[SecondPrice, ...] = ()
    note: str = ""
    contradicts: Statements = ()

    @property
    def image_entries(self) -> tuple[ImagePrice | TokenPrice, ...]:
        """The prices of images, those per image first."""
        return (*self.per_image, *self.per_million_tokens)


@dataclass(frozen=True, slots=True)
class UsageTable:
    """
    The output tokens of a 1024x1024 image, by quality, and those of a partial image.

    Other sizes have output tokens in proportion to their pixels. Those of images are
    for requests, in canonical names, that meet the condition `when`.
    """

    output_tokens: Mapping[str, int]
    source: str
    partial_image_tokens: int = 0
    when: Condition = ALWAYS

    def rates(self, request: Mapping[str, Any]) -> Mapping[str, int]:
        """The output tokens by quality; empty where no page has them."""
        return self.output_tokens if self.when.applies_to(request) else {}


@dataclass(frozen=True, slots=True)
class MockDefaults:
    """
    The settings of a provider's mock.

    * `auto_size`: width and height in pixels of an image of the size `auto`.
    * `auto_format`: format of an image if the request does not name one.
    * `max_images`: most images of one request; None for the limit of the server.
    * `max_body_bytes`: most bytes of a request body; None for the limit of the server.
    * `headers`: headers of every response; `{request_id}` in a value is replaced.
    * `quota_headers`: headers of responses while requests are limited; `{limit}`,
      `{remaining}` and `{reset}` are replaced.
    * `requests_per_minute`, `images_per_minute`, `concurrency`: quotas per API key;
      None means unlimited.
    """

    auto_size: tuple[int, int] = DEFAULT_SIZE
    auto_format: str = "png"
    max_images: int | None = None
    max_body_bytes: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    quota_headers: Mapping[str, str] = field(default_factory=dict)
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    The content of `dialect.yaml`; `dialect.schema.yaml` describes each part.

    `fields` maps, per operation, a canonical field name to the provider's names, and
    `nested_fields` to JSON pointers into the request body, for fields inside others.
    `video` has the rules of requests for videos, and `image` those for images.
    `model_aliases` maps further names of a model to the one that responses have.
    `is_reference` is true for the provider whose pages claims with the basis
    `reference` are read from. A part that is None is not documented.
    """

    title: str
    base_url: str
    key_env: str
    model: str
    delivery: tuple[Delivery, ...]
    fields: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    key: KeyFormat | None = None
    clients: ClientVariables | None = None
    url_lifetime: UrlLifetime | None = None
    url_access: UrlAccess | None = None
    prices: PriceList | None = None
    usage: UsageTable | None = None
    mock: MockDefaults = MockDefaults()
    homepage: str = ""
    note: str = ""
    is_reference: bool = False
    nested_fields: Mapping[str, Mapping[str, tuple[str, ...]]] = field(
        default_factory=dict
    )
    video: VideoRules = field(default_factory=VideoRules)
    image: ImageRules = field(default_factory=ImageRules)
    model_aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def currency(self) -> str | None:
        """The currency of the documented prices; None if there are none."""
        return self.prices.currency if self.prices else None

    def wire_names(self, operation: str, canonical: str) -> tuple[str, ...]:
        """The provider's names for a canonical field, the preferred one first."""
        return self.fields.get(operation, {}).get(canonical, (canonical,))

    def canonical_name(self, operation: str, wire_name: str) -> str:
        """The canonical name of a field; the same name if the dialect has no other."""
        fields = self.fields.get(operation, {}).items()
        return next((name for name, own in fields if wire_name in own), wire_name)

    def with_canonical_names(
        self, operation: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """
        A payload under canonical names; a field without one keeps its own.

        A field inside others is added; several values at its places are a list.
        """
        renamed = dict(payload)
        for canonical, names in self.fields.get(operation, {}).items():
            given = [name for name in names if name in payload]
            for name in given:
                renamed.pop(name, None)
            if given:
                renamed[canonical] = payload[given[0]]
        for canonical, pointers in self.places_of(operation).items():
            found = (
                [value for value in values_at(payload, each) if value is not None]
                for each in pointers
            )
            values = next(filter(None, found), None)
            if values is not None:
                renamed[canonical] = values[0] if len(values) == 1 else values
        model = renamed.get("model")
        if isinstance(model, str) and model in self.model_aliases:
            renamed["model"] = self.model_aliases[model]
        return renamed

    def places_of(self, operation: str) -> Mapping[str, tuple[str, ...]]:
        """By canonical name, the places of fields inside others, preferred first."""
        return self.nested_fields.get(operation, {})

    def delivery_for(self, request: Mapping[str, Any]) -> Delivery:
        """The delivery that applies to a request in canonical names."""
        applicable = (each for each in self.delivery if each.when.applies_to(request))
        return next(applicable, self.delivery[-1])


def validate_dialect(file: str, raw: Any, problems: Problems) -> None:
    """Report where a dialect does not follow its schema."""
    for error in builtin_violations("dialect.schema.yaml", raw):
        problems.report(error.in_file(file))


def build_dialect(raw: Mapping[str, Any]) -> Dialect:
    """Build a dialect from the content of a file that follows the schema."""
    return Dialect(
        title=raw["title"],
        base_url=raw["live"]["base_url"],
        key_env=raw["live"]["key_env"],
        model=raw["model"],
        delivery=_built_list(Delivery, raw["delivery"]),
        fields=_fields(raw, are_nested=False),
        nested_fields=_fields(raw, are_nested=True),
        key=_built_if_given(KeyFormat, raw.get("key")),
        clients=_built_if_given(ClientVariables, raw.get("clients")),
        url_lifetime=_built_if_given(UrlLifetime, raw.get("url_lifetime")),
        url_access=_built_if_given(UrlAccess, raw.get("url_access")),
        prices=_built_if_given(PriceList, raw.get("prices")),
        usage=_built_if_given(UsageTable, raw.get("usage")),
        mock=_built(MockDefaults, raw.get("mock", {})),
        homepage=raw.get("homepage", ""),
        note=raw.get("note", ""),
        is_reference=raw.get("reference", False),
        video=_built(VideoRules, raw.get("video", {})),
        image=_built(ImageRules, raw.get("image", {})),
        model_aliases=raw.get("model_aliases", {}),
    )


def _fields(
    raw: Mapping[str, Any], *, are_nested: bool
) -> dict[str, dict[str, tuple[str, ...]]]:
    """The names of fields by operation, or the pointers to those inside others."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for operation, renamed in raw.get("fields", {}).items():
        for canonical, given in renamed.items():
            all_names = (given,) if isinstance(given, str) else tuple(given)
            names = [each for each in all_names if each.startswith("/") == are_nested]
            if names:
                found.setdefault(operation, {})[canonical] = tuple(names)
    return found


def _built_if_given(
    part_class: Callable[..., Part], raw: Mapping[str, Any] | None
) -> Part | None:
    return None if raw is None else _built(part_class, raw)


def _built_list(
    part_class: Callable[..., Part], raw: Sequence[Mapping[str, Any]]
) -> tuple[Part, ...]:
    return tuple(_built(part_class, each) for each in raw)


def _built(part_class: Callable[..., Part], raw: Mapping[str, Any]) -> Part:
    """A part of a dialect; its fields have the names that they have in the file."""
    return part_class(
        **{
            name: _CONVERSIONS[name](value) if name in _CONVERSIONS else value
            for name, value in raw.items()
        }
    )


# The fields that differ from their values in the file.
_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "when": Condition,
    "methods": tuple,
    "basis": Basis,
    "contradicts": tuple,
    "per_image": partial(_built_list, ImagePrice),
    "per_million_tokens": partial(_built_list, TokenPrice),
    "per_second": partial(_built_list, SecondPrice),
    "sizes": partial(_built_list, SizeTable),
    "resolution_of": partial(_built_list, VideoRule),
    "frame_rate_of": partial(_built_list, VideoRule),
    "sound_of": partial(_built_list, VideoRule),
    "tokens": partial(_built, VideoTokens),
    "token_counts": partial(_built_list, ImageTokens),
    "auto_size": lambda text: size_of(text) or DEFAULT_SIZE,
}
