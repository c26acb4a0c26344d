"""Base URLs, keys and paths that differ between the providers."""

from collections.abc import Iterator, Sequence

from contracts.compare.migration.model import (
    BreakingChange,
    Citation,
    Migration,
    cite,
)
from contracts.compare.migration.rules import rules
from specs import Evidence, KeyScheme, Operation, Provider


def transport_findings(migration: Migration) -> Iterator[BreakingChange]:
    """Find other base URLs and keys, and operations that are moved or missing."""
    old, new = migration.old, migration.new
    if old.base_path != new.base_path:
        url = new.dialect.base_url
        yield _transport_finding(
            migration,
            "REQ-PATH",
            "",
            "base URL",
            f"the base URL begins with {new.base_path or '/'} instead of "
            f"{old.base_path or '/'}",
            (old.dialect.base_url, url),
            f'base_url = "{url}"',
        )
    old_key, new_key = old.dialect.key, new.dialect.key
    before, after = (each.form if each else "" for each in (old_key, new_key))
    if after and before != after:
        fix = f"read the key from {new.dialect.key_env}; do not check its form"
        yield _transport_finding(
            migration,
            "REQ-AUTH",
            "",
            "key form",
            f"keys look like {after}",
            (
                f"keys look like {before}"
                if before
                else "the form of keys is not documented",
                f"keys look like {after}",
            ),
            fix,
            tuple(each.source if each else "" for each in (old_key, new_key)),
        )
    for operation in migration.operations:
        yield from _operation_findings(migration, operation)


def _operation_findings(
    migration: Migration, operation: Operation
) -> Iterator[BreakingChange]:
    other = migration.new_operations.get(operation.id)
    here = f"{operation.method} {operation.path}"
    if other is None:
        yield _transport_finding(
            migration,
            "REQ-PATH",
            operation.id,
            operation.path,
            f"{here} does not exist",
            (here, "is not listed"),
            f"do not use {operation.id}: no operation replaces it",
            (operation.evidence.source, ""),
        )
        return
    there = f"{other.method} {other.path}"
    if here != there:
        yield _transport_finding(
            migration,
            "REQ-PATH",
            operation.id,
            operation.path,
            f"{here} is now {there}",
            (here, there),
            f"call {there}",
            (operation.evidence.source, other.evidence.source),
        )
    sent, accepted = operation.key_schemes, other.key_schemes
    if bool(sent) != bool(accepted) or (sent and sent[0] not in accepted):
        needs = f"send {_nouns(accepted)}" if accepted else "no key is needed"
        yield _transport_finding(
            migration,
            "REQ-AUTH",
            operation.id,
            (accepted or sent)[0].name,
            f"{operation.id}: {needs}",
            tuple(
                f"requires {_nouns(each)}" if each else "requires no key"
                for each in (sent, accepted)
            ),
            needs,
            (operation.evidence.source, other.evidence.source),
        )


def _nouns(schemes: Sequence[KeyScheme]) -> str:
    """The ways to send a key, such as `an API key in the header api-key`."""
    return " or ".join(each.noun for each in schemes)


def _transport_finding(
    migration: Migration,
    rule_id: str,
    operation: str,
    field_name: str,
    sentence: str,
    texts: tuple[str, ...],
    fix: str,
    sources: tuple[str, ...] = ("", ""),
) -> BreakingChange:
    rule = rules()[rule_id]
    return BreakingChange(
        rule=rule_id,
        severity=rule.severity(field_name, documented=True),
        operation=operation,
        member=field_name,
        sentence=sentence,
        old=_cite_source(migration.old, texts[0], sources[0]),
        new=_cite_source(migration.new, texts[1], sources[1]),
        fix=rule.fix.format(field=field_name, value=fix),
    )


def _cite_source(provider: Provider, text: str, source: str) -> Citation:
    return cite(provider, text, Evidence(source=source) if source else None)
