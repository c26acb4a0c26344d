"""From a request to a case: its expectation, claims and basis by the document."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.planning.case import Case, ExpectedError, Origin
from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import value_key
from contracts.planning.values.limits import limit_basis
from specs import Basis, State, Violation
from specs.validation.engine import compile_validator

_LISTING_KEYWORDS = {"enum", "pattern", "const"}
_KEYWORD_BY_LABEL = {"value": "enum"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """
    A payload, its label, and the fields in which it differs from a plain request.

    `rule` names the rule between fields that the payload tests; empty for none.
    """

    label: str
    payload: dict[str, Any]
    fields: tuple[str, ...]
    rule: str = ""

    @property
    def key(self) -> Hashable:
        """A key that is equal for equal changes of the same request."""
        return self.label, *(value_key(self.payload.get(each)) for each in self.fields)


def classify_probe(
    request_model: RequestModel, suffix: str, mutation: Mutation
) -> tuple[Case | None, bool]:
    """
    Classify a mutation; returns its case and True if the case tests one claim only.

    The case is None if several fields are invalid, or if the document leaves open more
    than one claim. `suffix` ends the id of the case; it names the model.
    """
    verdict = request_model.judge(mutation.payload)
    ending = f"@{suffix}" if suffix else ""
    common: dict[str, Any] = {
        "operation": request_model.operation.id,
        "origin": Origin.PROBE,
        "media_type": request_model.body.media_type,
        "payload": mutation.payload,
        "expectation": verdict.state,
    }
    if verdict.state is State.VALID:
        case = Case(
            id=f"{request_model.name}/{mutation.label}{ending}",
            claims=claims_tested_by(request_model, mutation),
            basis=basis_of(request_model, mutation.fields, mutation.payload),
            **common,
        )
        return case, True
    documented = verdict.documented_violations
    first = next(iter(documented or verdict.violations))
    claim = f"{request_model.name}/{first.claim}"
    # If one field was changed, the claim names it already.
    is_one = len(mutation.fields) == 1
    label = mutation.label.partition("/")[2] if is_one else mutation.label
    case_id = f"{claim}/{label}{ending}"
    if verdict.state is State.UNSPECIFIED:
        if len(verdict.violations) > 1 or claim not in request_model.claims:
            return None, False
        return Case(id=case_id, claims=(claim,), **common), True
    if len({each.path for each in verdict.violations}) > 1 or not documented:
        return None, False
    params = _allowed_params(request_model, first, mutation.fields)
    expected = ExpectedError(claim, first.evidence.error, params)
    case = Case(id=case_id, claims=(claim,), expected_error=expected, **common)
    return case, len(documented) == 1


def classify_generated(
    request_model: RequestModel, origin: Origin, name: str, payload: Mapping[str, Any]
) -> Case | None:
    """
    Classify a generated request.

    None if the request cannot be encoded as UTF-8, or is unspecified by the document.
    """
    if not _is_encodable(payload):
        return None
    verdict = request_model.judge(payload)
    if verdict.state is State.UNSPECIFIED:
        return None
    expected = None
    if verdict.documented_violations:
        first = verdict.documented_violations[0]
        errors = dict.fromkeys(each.evidence.error for each in verdict.violations)
        # A server may report any of several faults, depending on its order of checks.
        is_one = len(errors) == 1
        expected = ExpectedError(
            f"{request_model.name}/{first.claim}",
            first.evidence.error if is_one else "invalid_request",
            others=() if is_one else tuple(errors),
        )
    is_single = len(verdict.violations) == 1
    changed = [
        field_name
        for field_name, value in payload.items()
        if request_model.minimal_request.get(field_name) != value
    ]
    return Case(
        id=f"{request_model.name}/{origin}/{name}",
        operation=request_model.operation.id,
        origin=origin,
        expectation=verdict.state,
        media_type=request_model.body.media_type,
        payload=payload,
        claims=(expected.claim,) if expected and is_single else (),
        basis=(
            Basis.DOCUMENTED if expected else basis_of(request_model, changed, payload)
        ),
        expected_error=expected,
    )


def _is_encodable(payload: Mapping[str, Any]) -> bool:
    try:
        repr(payload).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _allowed_params(
    request_model: RequestModel, violation: Violation, changed: tuple[str, ...]
) -> tuple[str, ...]:
    """The fields that an error response may name for a violation."""
    names = [str(violation.path[0])] if violation.path else []
    for rule in request_model.rules:
        if rule.name == violation.evidence.rule:
            names += rule.members
    return tuple(dict.fromkeys([*names, *changed]))


def basis_of(
    request_model: RequestModel, names: Iterable[str], payload: Mapping[str, Any]
) -> Basis:
    """
    The basis on which the values of some fields are valid.

    Not `DOCUMENTED` if the list of valid values is an assumption, if a value is at a
    limit that the provider's page does not state, or if the page does not state that
    the values are accepted.
    """
    for name in names:
        schema, value = request_model.body.properties.get(name), payload.get(name)
        if not _is_acceptance_documented(schema, value):
            return Basis.ASSUMED
        for claim in request_model.claims_by_field.get(name, ()):
            is_listing = claim.rpartition("/")[2] in _LISTING_KEYWORDS
            basis = request_model.claims[claim]
            if is_listing and basis is not Basis.DOCUMENTED:
                return basis
        examples = request_model.body.examples.values()
        if value not in [each[name] for each in examples if name in each]:
            limit = limit_basis(schema, value)
            if limit is not Basis.DOCUMENTED:
                return limit
    return Basis.DOCUMENTED


def _is_acceptance_documented(schema: Any, value: Any) -> bool:
    """True unless a part of the value has `x-welcome` in its schema."""
    if not isinstance(schema, dict) or value is None:
        return True
    if "x-welcome" in schema or _is_welcome_open(schema, value):
        return False
    if isinstance(value, list):
        return all(
            _is_acceptance_documented(schema.get("items"), each) for each in value
        )
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return all(
            _is_acceptance_documented(properties.get(name), each)
            for name, each in value.items()
        )
    return True


def _is_welcome_open(schema: Mapping[str, Any], value: Any) -> bool:
    """True if a condition on the value leads to `x-welcome`."""
    return any(
        "x-welcome" in part.get("then", {})
        and compile_validator(part["if"]).is_valid(value)
        for part in schema.get("allOf", ())
        if isinstance(part.get("then"), dict)
    )


def claims_tested_by(
    request_model: RequestModel, mutation: Mutation
) -> tuple[str, ...]:
    """
    The claims that a success response to a valid mutation confirms.

    Claims of the keyword that the label names come first. A default is tested where the
    field is missing.
    """
    value_label = mutation.label.rpartition("/")[2].removeprefix("entry-")
    first, _, rest = value_label.partition("-")
    keyword = _KEYWORD_BY_LABEL.get(first, rest.partition("-")[0])
    applying = [
        rule.name
        for rule in request_model.rules
        if set(rule.members) & set(mutation.fields) and rule.applies(mutation.payload)
    ]
    claims = [
        claim
        for name in (*mutation.fields, *applying)
        for claim in request_model.claims_by_field.get(name, ())
        if not claim.endswith("/default")
        or (
            value_label == "missing" and claim == f"{request_model.name}/{name}/default"
        )
    ]
    return tuple(sorted(claims, key=lambda claim: not claim.endswith(f"/{keyword}")))
