"""Run the checks of schemathesis on a response, and read their failures."""

import logging
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.document import UNREACHABLE_URL
from contracts.judging.second_opinion.merge import ExternalFailure
from contracts.planning.call_options import Auth
from contracts.planning.case import TARGET_KEY, Origin, body_of
from contracts.planning.paths import sample_path
from specs import KeyPlace, Operation

AUTH_CHECK = "ignored_auth"  # it takes every key that it does not know for a wrong one

MAX_MESSAGE_LENGTH = 300  # characters

log = logging.getLogger(__name__)


def external_failures(
    external_case: Any, interaction: Interaction, operation: Operation
) -> Iterator[ExternalFailure]:
    """Yield the failures of schemathesis for the response to one of its cases."""
    checks = _checks_for(interaction, operation)
    response = to_schemathesis_response(interaction, operation)
    if not _run_checks(external_case, response, checks):
        return
    # A failure does not always name its check, so each check runs by itself.
    for check in checks:
        for failure in _run_checks(external_case, response, [check]):
            yield ExternalFailure(check.__name__, failure.title, _message(failure))


def scenario_failures(
    external_case: Any, response: Any, checks: Iterable[Any], recorder: Any
) -> Iterator[ExternalFailure]:
    """Yield the failures of checks that look at earlier steps of a scenario as well."""
    for check in checks:
        for failure in _run_checks(external_case, response, [check], recorder=recorder):
            yield ExternalFailure(check.__name__, failure.title, _message(failure))


def _message(failure: Any) -> str:
    """The message in one line, with its place, without the schema and the value."""
    text = getattr(failure, "validation_message", "") or failure.message
    place = "/".join(map(str, getattr(failure, "instance_path", ())))
    line = " ".join(f"{place}: {text}".split() if place else text.split())
    return line if len(line) <= MAX_MESSAGE_LENGTH else f"{line[:MAX_MESSAGE_LENGTH]}…"


def to_schemathesis_response(interaction: Interaction, operation: Operation) -> Any:
    """Convert an exchange to a response of schemathesis, without the target's key."""
    from schemathesis import Response

    case = interaction.case
    body, content_type = body_of(case)
    headers = {"Content-Type": content_type} if content_type else {}
    query: dict[str, str] = {}
    auth = Auth.documented(operation.key_schemes)
    key = auth.value(case.auth, TARGET_KEY)
    if key is not None:
        (query if auth.place is KeyPlace.QUERY else headers)[auth.name] = key
    # Imported by name: `requests` has no type stubs among our dependencies.
    request = import_module("requests").Request(
        case.method or operation.method,
        UNREACHABLE_URL + sample_path(operation),
        headers=headers,
        params=query,
        data=body,
    )
    return Response(
        status_code=interaction.status or 0,
        headers={name: [value] for name, value in interaction.headers.items()},
        content=interaction.body,
        request=request.prepare(),
        elapsed=interaction.seconds,
        verify=True,
    )


def _run_checks(
    external_case: Any, response: Any, checks: Iterable[Any], **more: Any
) -> list[Any]:
    """Run checks; returns their failures, sorted. An error inside a check is logged."""
    from schemathesis.errors import FailureGroup

    try:
        external_case.validate_response(response, checks=list(checks), **more)
    except FailureGroup as group:
        return sorted(group.exceptions)
    except Exception:  # a fault of schemathesis, not of the target
        log.warning("schemathesis could not check a response", exc_info=True)
    return []


def _checks_for(interaction: Interaction, operation: Operation) -> list[Any]:
    """
    Select the checks for a case: the check of keys for a wrong key, else all others.

    For a 5xx response to a wrong Content-Type, one check would send a second request.
    It is left out; our own checks report such a response. It is left out as well where
    the document has a 5xx error for such a request.
    """
    case, checks = interaction.case, all_checks()
    if case.origin == Origin.AUTH:
        return [checks[AUTH_CHECK]]
    excluded = {AUTH_CHECK, "object_level_authorization"}
    if case.content_type is not None or _is_expected(interaction, operation):
        excluded.add("not_a_server_error")
    return [check for name, check in checks.items() if name not in excluded]


def _is_expected(interaction: Interaction, operation: Operation) -> bool:
    """True for the status of an error that the document has for the request."""
    error = interaction.case.expected_error
    names = (error.error, *error.others) if error else ()
    return interaction.status in {
        operation.errors[name].status for name in names if name in operation.errors
    }


@cache
def all_checks() -> dict[str, Any]:
    """Load all checks of schemathesis, by name."""
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    return {name: CHECKS.get_one(name) for name in sorted(CHECKS.get_all_names())}
