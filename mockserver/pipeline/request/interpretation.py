"""The interpretation of a request: all that its body, document and seed determine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mockserver.media.image import planning
from mockserver.media.image.plan import Plan
from mockserver.media.payloads import JsonTemplate
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.state.cache import LruCache
from specs import Operation, Provider, State, Verdict, cost

MAX_INTERPRETATIONS = 128
MAX_REQUEST_BYTES = 8 * 1024  # of a cached request
MAX_CACHED_RESPONSE_BYTES = 32 * 1024
MAX_IGNORED = 20  # names in a header
MAX_IGNORED_LENGTH = 80  # characters
# The canonical fields that determine a response even where no document lists them.
USED_FIELDS = frozenset(
    {"background", "image", "mask", "model", "n", "output_compression", "output_format"}
    | {"partial_images", "prompt", "quality", "size"}
)

CacheKey = tuple[str, str, bytes]  # operation, media type with its parameters, body


class RenderedJson(NamedTuple):
    """
    The JSON of a response without its images, and its `created` time in seconds.

    `body` is the whole JSON if it is small and the same for all clients, else None.
    """

    created: int
    template: JsonTemplate
    body: bytes | None


@dataclass(slots=True)
class Interpretation:
    """
    A request that is accepted, and the content of its response.

    * `request`: the payload with canonical names and defaults.
    * `preview_count`: number of partial images before each image of a stream.
    * `delivery`: a key of `DELIVERIES`.
    * `ignored`: names of fields that have no effect on the response.
    * `rendered`: the latest response. It is the only field that changes, since the
      cache shares interpretations between requests.
    """

    parsed_body: ParsedBody
    verdict: Verdict
    request: Mapping[str, Any]
    plans: Sequence[Plan]
    is_streaming: bool
    preview_count: int
    delivery: str
    usage: Mapping[str, Any]
    cost: Mapping[str, Any]
    ignored: Sequence[str] = ()
    rendered: RenderedJson | None = None


def build_interpretation(
    parsed_body: ParsedBody,
    verdict: Verdict,
    provider: Provider,
    operation: Operation,
    *,
    seed: int,
    realistic: bool,
    include_previews: bool = True,
) -> Interpretation:
    """
    Plan the images of a request, and compute its usage and cost.

    Raises `Rejected` for a request that the mock cannot serve.
    """
    dialect = provider.dialect
    request = provider.canonical_request(
        operation.id,
        parsed_body.body.media_type,
        parsed_body.payload,
        include_assumed=True,
    )
    plans = planning.plans(
        request,
        parsed_body.files,
        dialect,
        hash_=planning.request_hash(parsed_body.payload),
        seed=seed,
        realistic=realistic,
    )
    is_streaming = request.get("stream") is True and operation.supports_streaming
    previews = planning.preview_count(request) if is_streaming else 0
    previews = previews if include_previews else 0
    usage = planning.usage(request, plans, dialect, previews)
    price = cost(dialect, operation.id, request, count=len(plans), usage=usage)
    return Interpretation(
        parsed_body=parsed_body,
        verdict=verdict,
        request=request,
        plans=plans,
        is_streaming=is_streaming,
        preview_count=previews,
        delivery=dialect.delivery_for(request).give,
        usage=usage,
        cost={"amount": price.amount, "currency": price.currency},
        ignored=()
        if verdict.state is State.VALID
        else _ignored_fields(parsed_body, provider, operation, is_streaming),
    )


def _ignored_fields(
    parsed_body: ParsedBody, provider: Provider, operation: Operation, streams: bool
) -> list[str]:
    """The fields that the document does not have and that the mock does not use."""
    payload, listed = parsed_body.payload, parsed_body.body.properties
    ignored = [
        name
        for name in payload
        if name not in listed
        and provider.dialect.canonical_name(operation.id, name) not in USED_FIELDS
    ]
    if payload.get("stream") is True and not streams and "stream" not in ignored:
        ignored.append("stream")
    return [each[:MAX_IGNORED_LENGTH] for each in ignored[:MAX_IGNORED]]


class InterpretationCache:
    """
    Interpretations of the latest requests.

    Requests with files or larger than `MAX_REQUEST_BYTES` are not cached.
    """

    def __init__(self) -> None:
        self._cache: LruCache[CacheKey, Interpretation] = LruCache(MAX_INTERPRETATIONS)

    def get(self, key: CacheKey) -> Interpretation | None:
        return self._cache.get(key)

    def add(self, key: CacheKey, interpretation: Interpretation) -> None:
        if len(key[2]) <= MAX_REQUEST_BYTES and not interpretation.parsed_body.files:
            self._cache.add(key, interpretation, 1)
