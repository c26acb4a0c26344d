"""Parse, validate and interpret a request body; repeated small bodies are cached."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import (
    MAX_BODY_ON_LOOP,
    ParsedBody,
    parse_body,
)
from mockserver.pipeline.request.form_messages import violation_rejection
from mockserver.pipeline.request.interpretation import (
    CacheKey,
    Interpretation,
    Refusal,
    build_interpretation,
)
from mockserver.pipeline.request.parameters import parse_query
from mockserver.pipeline.request.validation import validate
from specs import FORM, State, Verdict

NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


async def try_parse(exchange: Exchange, data: bytes) -> ParsedBody | Rejected:
    """
    Parse the body, and set `exchange.parsed_body`.

    Returns the rejection of an unreadable body: a triggered error has precedence.
    """
    try:
        exchange.parsed_body = await _parse(exchange, data)
    except Rejected as rejected:
        return rejected
    return exchange.parsed_body


async def _parse(exchange: Exchange, data: bytes) -> ParsedBody:
    if exchange.interpretation is not None:
        return exchange.interpretation.parsed_body
    content_type = exchange.request.headers.get("Content-Type", "")
    parse = partial(parse_body, data, content_type, exchange.operation)
    # To decode or hash uploads would block the event loop.
    if FORM in content_type.lower() or len(data) > MAX_BODY_ON_LOOP:
        return await exchange.provider_context.run_in_executor(parse)
    return parse()


async def interpret(
    exchange: Exchange,
    parsed_body: ParsedBody,
    cache_key: CacheKey | None,
    inherited: Mapping[str, Any] = NO_FIELDS,
) -> Interpretation:
    """
    The interpretation of a valid body, from the cache if possible.
    Without a key it is not cached. `inherited` are fields, in canonical names, that
    stand in for those that the body does not have.

    Raises `Rejected` for a body that the document forbids or the mock cannot serve.
    """
    result = exchange.interpretation
    if result is None:
        result = await _interpretation_or_refusal(exchange, parsed_body, inherited)
        if exchange.behavior.fault is None and cache_key is not None:
            exchange.provider_context.interpretations.add(cache_key, result)
        exchange.interpretation = result
    exchange.verdict = result.verdict
    if isinstance(result, Refusal):
        raise result.rejected
    return result


async def check_valid(exchange: Exchange, parsed_body: ParsedBody) -> Verdict:
    """
    The verdict on a payload, which becomes that of the exchange.

    Raises `Rejected` for a payload that the document forbids, or that the settings do.
    """
    context = exchange.provider_context
    verdict = exchange.verdict = await validate(context, parsed_body)
    if verdict.state is State.INVALID:
        raise violation_rejection(parsed_body, verdict.documented_violations)
    if verdict.state is State.UNSPECIFIED and context.settings.strict:
        raise violation_rejection(parsed_body, verdict.violations)
    if enforced := verdict.enforced_violations:
        raise violation_rejection(parsed_body, enforced)
    return verdict


async def checked_query(exchange: Exchange) -> ParsedBody | None:
    """The valid query of a request; None if its operation describes none."""
    query = parse_query(exchange.request, exchange.operation)
    if query is not None:
        await check_valid(exchange, query)
    return query


async def _interpretation_or_refusal(
    exchange: Exchange, parsed_body: ParsedBody, inherited: Mapping[str, Any]
) -> Interpretation | Refusal:
    try:
        return await _interpret(exchange, parsed_body, inherited)
    except Rejected as rejected:
        return Refusal(parsed_body, exchange.verdict, rejected)


async def _interpret(
    exchange: Exchange, parsed_body: ParsedBody, inherited: Mapping[str, Any]
) -> Interpretation:
    context = exchange.provider_context
    verdict = await check_valid(exchange, parsed_body)
    build = partial(
        build_interpretation,
        parsed_body,
        verdict,
        context.provider,
        exchange.operation,
        seed=context.settings.seed,
        realistic=context.settings.realistic,
        fault=exchange.fault_name,
        inherited={
            **context.provider.dialect.with_canonical_names(
                exchange.operation.id, exchange.path_parameters
            ),
            **inherited,
        },
    )
    return await context.run_in_executor(build) if parsed_body.is_large else build()
