"""Build findings from observations, with snippets to send the request again."""

import re
from collections.abc import Sequence
from typing import Any

from contracts.judging.checks import CheckContext, Observation
from contracts.judging.interaction import Interaction
from contracts.planning.call_options import Auth, CallOptions
from contracts.planning.case import TARGET_KEY, Case
from contracts.planning.code_samples import curl_command, node_snippet, python_snippet
from contracts.planning.values.field_values import format_value
from contracts.report.model import Finding, fingerprint
from mockserver.recordings.redaction import REDACTED
from specs import KeyPlace, Provider

EXCERPT_LENGTH = 800
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")


def build_finding(
    observation: Observation,
    context: CheckContext,
    provider: Provider,
    url: str,
    secrets: Sequence[str],
    call: CallOptions,
) -> Finding:
    """The finding of an observation; `secrets` are redacted everywhere."""
    source = provider.source(observation.evidence.source)
    place = observation.evidence.source.partition("#")[2]
    title = f"{source.title}, {place}" if source and place else ""
    key_env = call.key_variable(provider)
    sample = context.case, url, key_env, context.operation.method, call
    request = {
        "summary": summarize_case(
            call.wire_case(context.case), call.auth_for(context.operation.id)
        ),
        "curl": curl_command(*sample),
        "python": python_snippet(*sample),
        "node": node_snippet(*sample),
    }
    return Finding(
        kind=observation.kind,
        check=observation.check,
        claim=observation.claim,
        basis=observation.evidence.basis,
        source=title or (source.title if source else observation.evidence.source),
        source_url=source.url if source else "",
        message=redact(observation.message, *secrets),
        expected=observation.expected,
        case=context.case.id,
        fingerprint=fingerprint(
            provider.id,
            observation.kind,
            observation.check,
            observation.claim,
            observation.cause,
        ),
        request=request,
        answer=_response_summary(context.interaction, secrets),
        also_seen_by=observation.also_seen_by,
        field=observation.field,
        asked=observation.asked,
        came=observation.came and redact(observation.came, *secrets),
    )


def redact(text: str, *secrets: str) -> str:
    """The text with each secret replaced; an empty one is none."""
    for secret in filter(None, secrets):
        text = text.replace(secret, REDACTED)
    return text


def _response_summary(
    interaction: Interaction, secrets: Sequence[str]
) -> dict[str, Any]:
    text = interaction.body[: 64 * 1024].decode("utf-8", "replace")
    text = _LONG_BASE64.sub(_shorten_base64, redact(text, *secrets))
    return {
        "status": interaction.status,
        "content_type": redact(interaction.headers.get("content-type", ""), *secrets),
        "excerpt": text[:EXCERPT_LENGTH] + ("…" if len(text) > EXCERPT_LENGTH else ""),
    }


def _shorten_base64(match: re.Match[str]) -> str:
    text = match[0]
    return f"{text[:24]}…({len(text)} characters)"


def summarize_case(case: Case, place: Auth | None = None) -> str:
    """The fields of a case in one line; `place` is that of its API key."""
    if case.raw is not None:
        label = case.content_type or case.media_type
        return f"body {case.raw[:80]!r}, Content-Type {label}"
    fields = ", ".join(
        f"{name}={format_value(each)}" for name, each in case.payload.items()
    )
    if case.auth == TARGET_KEY:
        return fields or "no fields"
    place, value = place or Auth(), case.auth
    if value is not None and place.place is not KeyPlace.BEARER:
        value = value.removeprefix("Bearer ")
    return f"{fields or 'no fields'}; {place.name}: {value!r}"
