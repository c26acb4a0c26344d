"""The rules of `drop-in` as text, for `explain`."""

from collections.abc import Iterator

from contracts.compare.migration.rules import MigrationRule, Severity

TITLES = {
    Severity.BREAKS: "Breaking",
    Severity.WARNS: "Possibly breaking",
    Severity.INFO: "Notes",
}


def explain_rule(rule: MigrationRule) -> Iterator[str]:
    """The lines that `explain` prints for a rule."""
    yield f"{rule.id}: {rule.title}"
    yield ""
    yield rule.explanation
    yield ""
    yield f"severity: {_severity_text(rule)}"
    for field, severity in rule.members.items():
        yield f"severity for {field}: {TITLES[severity].lower()}"
    yield f"fix: {rule.fix}"


def _severity_text(rule: MigrationRule) -> str:
    documented = TITLES[rule.documented_severity].lower()
    undocumented = TITLES[rule.undocumented_severity].lower()
    if documented == undocumented:
        return f"{documented} (both documented and undocumented)"
    return f"{documented} if documented, {undocumented} if undocumented"
