"""Counterexamples as requests to the new provider."""

from contracts.compare.migration.model import (
    Counterexample,
    Migration,
    Payload,
)
from contracts.planning.call_options import CallOptions
from contracts.planning.case import Case, Origin
from contracts.planning.code_samples import curl_command
from contracts.planning.paths import sample_path
from contracts.planning.request_model import RequestModel
from specs import State


def build_counterexample(
    migration: Migration, old: RequestModel, payload: Payload
) -> Counterexample:
    """
    Build a counterexample from a request for the old provider.

    The curl command sends the same request to the new provider.
    """
    new = migration.new
    operation = migration.new_operations.get(old.operation.id, old.operation)
    media_type = old.body.media_type
    case = Case(
        id="",
        operation=operation.id,
        origin=Origin.MIGRATION,
        expectation=State.VALID,
        media_type=media_type,
        payload=payload,
    )
    url = f"{new.dialect.base_url.rstrip('/')}{sample_path(operation)}"
    call = CallOptions.documented(new)
    line = curl_command(case, url, new.dialect.key_env, operation.method, call)
    return Counterexample(operation.id, media_type, payload, line)
