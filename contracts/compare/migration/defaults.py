"""Fields with another meaning when they are left out."""

from collections.abc import Iterator
from typing import Any

from contracts.compare.migration.counterexamples import build_counterexample
from contracts.compare.migration.field_descriptions import evidence_for
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Payload,
    cite,
    is_documented,
)
from contracts.compare.migration.requests import SearchResult
from contracts.compare.migration.rules import rules
from contracts.planning.values import format_value
from specs import Body, cost


def default_findings(
    body_pair: BodyPair, result: SearchResult
) -> Iterator[BreakingChange]:
    """Members that mean something else when they are left out."""
    if not result.accepted:
        return
    rule = rules()["REQ-DEFAULT"]
    plain = result.accepted[0]
    new, old = body_pair.new, body_pair.old
    there = {
        new.canonical_name(name): (name, each)
        for name, each in _all_defaults(new.body).items()
    }
    for name, value in _all_defaults(old.body).items():
        role = old.canonical_name(name)
        payload = next((each for each in result.accepted if name not in each), plain)
        other = new.wire_name(role)
        if name in payload or other is None or not body_pair.uses(name):
            continue
        if new.body.properties[other] is False:
            continue
        own, default = there.get(role, (other, None))
        if default == value or (default is None and name not in old.body.defaults):
            continue
        evidence = evidence_for(new, own)
        is_said = default is not None and is_documented(evidence)
        is_said = is_said and own in new.body.defaults
        text = f"means {format_value(value)} at {body_pair.migration.old.title}"
        rest = "is not said" if default is None else f"means {format_value(default)}"
        yield BreakingChange(
            rule=rule.id,
            severity=rule.severity(role, documented=is_said),
            operation=body_pair.operation,
            member=name,
            sentence=f"no {name} {text}; at {body_pair.migration.new.title} it {rest}"
            f"{_cost_difference(body_pair, payload)}",
            old=cite(
                old.provider,
                f"{name}: default {format_value(value)}",
                evidence_for(old, name),
            ),
            new=cite(
                new.provider,
                f"{own}: no default is said"
                if default is None
                else f"{own}: default {format_value(default)}",
                evidence,
            ),
            fix=rule.fix.format(
                member=own, value=format_value(value), other=own, operation="", to=""
            ),
            witness=build_counterexample(body_pair.migration, body_pair.old, payload),
            media_types=(old.body.media_type,),
        )


def _all_defaults(body: Body) -> dict[str, Any]:
    """Defaults, those included that are only told."""
    merged = {**body.assumed_defaults, **body.defaults}
    return {name: each for name, each in merged.items() if each is not None}


def _cost_difference(body_pair: BodyPair, payload: Payload) -> str:
    """What the request costs at each, where both document it and they differ."""
    bills = []
    for desk, body in (
        (body_pair.old, payload),
        (body_pair.new, body_pair.with_new_names(payload)),
    ):
        asked = desk.provider.canonical_request(
            desk.operation.id, desk.body.media_type, body
        )
        count = asked.get("n") or 1
        bills.append(
            cost(desk.provider.dialect, body_pair.operation, asked, count=count)
        )
    before, after = bills
    if None in (before.amount, after.amount) or before == after:
        return ""
    return (
        f" ({before.amount} {before.currency} before, "
        f"{after.amount} {after.currency} after)"
    )
