"""The interpretation of a request: all that its body, document and seed determine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from mockserver.errors import ErrorContent, Rejected
from mockserver.media.base import Asked, Medium, Planned
from mockserver.media.payloads import JsonTemplate
from mockserver.media.registry import medium_of
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.state.cache import LruCache
from specs import Operation, Provider, State, Verdict

MAX_INTERPRETATIONS = 128
MAX_CACHED_REQUEST = 8 * 1024  # bytes
MAX_CACHED_RESPONSE_BYTES = 32 * 1024
MAX_IGNORED = 20  # names in a header
MAX_IGNORED_LENGTH = 80  # characters

CacheKey = tuple[str, str, bytes]  # operation or path, Content-Type, body
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class RenderedJson(NamedTuple):
    """
    The JSON of a response without its outputs, and its `created` time in seconds.

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
    * `planned`: the outputs and the content of the response.
    * `ignored`: names of fields that have no effect on the response.
    * `rendered`: the latest response. It is the only field that changes, since the
      cache shares interpretations between requests.
    """

    parsed_body: ParsedBody
    verdict: Verdict
    request: Mapping[str, Any]
    planned: Planned
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
    fault: str | None = None,
    inherited: Mapping[str, Any] = NO_PARAMETERS,
) -> Interpretation:
    """
    Plan the outputs of a request, and compute its usage and cost.

    `inherited` stands in for fields that the body does not have: path parameters, such
    as a model, and what a task takes from another one.

    Raises `Rejected` for a request that the mock cannot serve.
    """
    medium = medium_of(operation)
    request = provider.canonical_request(
        operation.id,
        parsed_body.body.media_type,
        parsed_body.payload,
        include_assumed=True,
    )
    request = {**inherited, **request}
    planned = medium.plan(
        Asked(
            request=request,
            files=parsed_body.files,
            hash=parsed_body.hash(),
            operation=operation,
            dialect=provider.dialect,
            seed=seed,
            realistic=realistic,
            fault=fault,
        )
    )
    return Interpretation(
        parsed_body=parsed_body,
        verdict=verdict,
        request=request,
        planned=planned,
        cost={"amount": planned.cost.amount, "currency": planned.cost.currency},
        ignored=()
        if verdict.state is State.VALID
        else _ignored_fields(
            parsed_body, provider, operation, medium, streams=planned.is_streaming
        ),
    )


def _ignored_fields(
    parsed_body: ParsedBody,
    provider: Provider,
    operation: Operation,
    medium: Medium,
    *,
    streams: bool,
) -> list[str]:
    """The fields that the document does not have and that the mock does not use."""
    payload, listed = parsed_body.payload, parsed_body.body.properties
    ignored = [
        name
        for name in payload
        if name not in listed
        and provider.dialect.canonical_name(operation.id, name)
        not in medium.used_fields
    ]
    if payload.get("stream") is True and not streams and "stream" not in ignored:
        ignored.append("stream")
    return [each[:MAX_IGNORED_LENGTH] for each in ignored[:MAX_IGNORED]]


class RenderedError(NamedTuple):
    """The name of an error, its message, and the content of the response."""

    name: str
    reason: str
    content: ErrorContent


@dataclass(slots=True)
class Refusal:
    """
    A request that is rejected for its body, and the error that it gets.

    `rendered` is the response to all such requests, once it is known. It is None if
    they get different ones.
    """

    parsed_body: ParsedBody
    verdict: Verdict | None
    rejected: Rejected
    rendered: RenderedError | None = None


class InterpretationCache:
    """
    Interpretations and refusals of the latest requests.

    Requests with files are not cached, and larger ones than `MAX_CACHED_REQUEST` have
    no key.
    """

    def __init__(self) -> None:
        self._cache: LruCache[CacheKey, Interpretation | Refusal]
        self._cache = LruCache(MAX_INTERPRETATIONS)

    def get(self, key: CacheKey) -> Interpretation | Refusal | None:
        return self._cache.get(key)

    def add(self, key: CacheKey, result: Interpretation | Refusal) -> None:
        if not result.parsed_body.files:
            self._cache.add(key, result, 1)
