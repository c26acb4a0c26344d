"""Findings about a response."""

from contracts.compare.migration.model import (
    BreakingChange,
    Citation,
    Counterexample,
    Migration,
)
from contracts.compare.migration.rules import Severity, rules

_RESPONSE_RULES = {"RES-MISSING", "RES-TYPE", "RES-ENUM", "RES-FORMAT", "RES-EXTRA"}


def build_finding(
    migration: Migration,
    rule_id: str,
    operation: str,
    field_name: str,
    sentence: str,
    *,
    old: Citation,
    new: Citation,
    documented: bool,
    counterexample: Counterexample | None,
    value: str = "",
) -> BreakingChange:
    rule = rules()[rule_id]
    severity = rule.severity(field_name, documented=documented)
    if (
        migration.client
        and migration.client.pictures_only
        and rule_id in _RESPONSE_RULES
    ):
        severity = Severity.INFO
    return BreakingChange(
        rule=rule_id,
        severity=severity,
        operation=operation,
        member=field_name,
        sentence=sentence,
        old=old,
        new=new,
        fix=rule.fix.format(
            field=field_name, value=value, other="", to=migration.new.title
        ),
        witness=counterexample,
        media_types=(counterexample.media_type,) if counterexample else (),
    )
