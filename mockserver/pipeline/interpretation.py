"""What a request means: all that follows from its body, the document and the seed."""

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
MAX_REQUEST_BYTES = 8 * 1024
MAX_CACHED_RESPONSE_BYTES = 32 * 1024

CacheKey = tuple[str, str, bytes]  # operation, media type with its parameters, body


class RenderedJson(NamedTuple):
    """
    The JSON of an answer without its pictures, and when that was `created`.

    `body` is all of it, where it is small and the same for everybody.
    """

    created: int
    template: JsonTemplate
    body: bytes | None


@dataclass(slots=True)
class Interpretation:
    """
    What is answered to a request that the document lets pass.

    `asked` is its payload in canonical names with defaults, `give` the name of the
    delivery, `previews` how many there are of each picture in a stream. `written` is
    what was answered last.
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
    Raises `Rejected` for what the mock cannot draw.

    Without `partials` the previews that were asked for are left out.
    """
    dialect = provider.dialect
    asked = provider.canonical_request(
        operation.id,
        parsed_body.body.media_type,
        parsed_body.payload,
        include_assumed=True,
    )
    plans = planning.plans(
        asked,
        parsed_body.files,
        dialect,
        hash_=planning.request_hash(parsed_body.payload),
        seed=seed,
        realistic=realistic,
    )
    streams = asked.get("stream") is True and operation.supports_streaming
    previews = planning.preview_count(asked) if streams else 0
    previews = previews if include_previews else 0
    usage = planning.usage(asked, plans, dialect, previews)
    price = cost(dialect, operation.id, asked, count=len(plans), usage=usage)
    return Interpretation(
        parsed_body=parsed_body,
        verdict=verdict,
        request=asked,
        plans=plans,
        is_streaming=streams,
        preview_count=previews,
        delivery=dialect.delivery_for(asked)["give"],
        usage=usage,
        cost={"amount": price.amount, "currency": price.currency},
    )


class InterpretationCache:
    """
    The meanings of the latest requests that were small, by all that they follow from.

    `MAX_SIZE` is of a request in bytes, `MAX_KEPT` of an answer that is kept whole.
    """

    def __init__(self) -> None:
        self._cache: LruCache[CacheKey, Interpretation] = LruCache(MAX_INTERPRETATIONS)

    def get(self, key: CacheKey) -> Interpretation | None:
        return self._cache.get(key)

    def add(self, key: CacheKey, interpretation: Interpretation) -> None:
        if len(key[2]) <= MAX_REQUEST_BYTES and not interpretation.parsed_body.files:
            self._cache.add(key, interpretation, 1)
