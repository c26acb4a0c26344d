"""The interpretation of a request: all that its body, document and seed determine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mockserver.media.image import planning
from mockserver.media.image.plan import Plan
from mockserver.media.payloads import JsonTemplate
from mockserver.pipeline.body_parsing import ParsedBody
from mockserver.state.cache import LruCache
from specs import Operation, Provider, Verdict, cost

MAX_INTERPRETATIONS = 128
MAX_REQUEST_BYTES = 8 * 1024  # of a cached request
MAX_CACHED_RESPONSE_BYTES = 32 * 1024

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
    )


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
