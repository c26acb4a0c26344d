"""Fields with another meaning when they are left out."""

from collections.abc import Iterator
from typing import Any

from contracts.compare.migration.counterexamples import build_counterexample
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Payload,
    cite,
    is_documented,
)
from contracts.compare.migration.requests.field_descriptions import evidence_for
from contracts.compare.migration.requests.search import SearchResult
from contracts.compare.migration.rules import rules
from contracts.planning.values.field_values import format_value
from specs import Body, cost


def default_findings(
    body_pair: BodyPair, result: SearchResult
) -> Iterator[BreakingChange]:
    """Find optional fields with different defaults."""
    if not result.accepted:
        return
    rule = rules()["REQ-DEFAULT"]
    minimal = result.accepted[0]
    new, old = body_pair.new, body_pair.old
    new_defaults = {
        new.canonical_name(name): (name, each)
        for name, each in _all_defaults(new.body).items()
    }
    for name, value in _all_defaults(old.body).items():
        role = old.canonical_name(name)
        payload = next((each for each in result.accepted if name not in each), minimal)
        other = new.wire_name(role)
        if name in payload or other is None or not body_pair.uses(name):
            continue
        if new.body.properties[other] is False:
            continue
        own, default = new_defaults.get(role, (other, None))
        if default == value or (default is None and name not in old.body.defaults):
            continue
        evidence = evidence_for(new, own)
        documented = default is not None and is_documented(evidence)
        documented = documented and own in new.body.defaults
        old_text = f"{format_value(value)} at {old.provider.title}"
        new_text = "not documented" if default is None else format_value(default)
        yield BreakingChange(
            rule=rule.id,
            severity=rule.severity(role, documented=documented),
            operation=body_pair.operation,
            member=name,
            sentence=f"the default of {name} is {old_text}; "
            f"at {new.provider.title} it is {new_text}"
            f"{_cost_difference(body_pair, payload)}",
            old=cite(
                old.provider,
                f"{name}: default {format_value(value)}",
                evidence_for(old, name),
            ),
            new=cite(
                new.provider,
                f"{own}: no default is documented"
                if default is None
                else f"{own}: default {format_value(default)}",
                evidence,
            ),
            fix=rule.fix.format(
                field=own, value=format_value(value), other=own, operation="", to=""
            ),
            witness=build_counterexample(body_pair.migration, body_pair.old, payload),
            media_types=(old.body.media_type,),
        )


def _all_defaults(body: Body) -> dict[str, Any]:
    """Merge the documented defaults and the assumed ones."""
    merged = {**body.assumed_defaults, **body.defaults}
    return {name: each for name, each in merged.items() if each is not None}


def _cost_difference(body_pair: BodyPair, payload: Payload) -> str:
    """Describe the costs of a request if both are documented and they differ."""
    costs = []
    for side, body in (
        (body_pair.old, payload),
        (body_pair.new, body_pair.with_new_names(payload)),
    ):
        canonical = side.provider.canonical_request(
            side.operation.id, side.body.media_type, body
        )
        count = canonical.get("n") or 1
        costs.append(
            cost(side.provider.dialect, body_pair.operation, canonical, count=count)
        )
    before, after = costs
    if None in (before.amount, after.amount) or before == after:
        return ""
    return (
        f" ({before.amount} {before.currency} before, "
        f"{after.amount} {after.currency} after)"
    )
