"""The statement of a document about one feature, with rules in words."""

from collections.abc import Iterator
from typing import Any

from contracts.compare import ComparisonRow, ProviderCell
from contracts.compare.documents.field_texts import join_values, value_text
from contracts.reporters.page.rules import is_rule, rule_texts, without_rule_counts
from contracts.text import one_line


def cell_lines(row: ComparisonRow, cell: ProviderCell) -> list[str]:
    """
    The value of a cell, then its conditional rules, a line each.

    Facts in which cells with the same value differ are added to the value.
    """
    rules = list(_rule_lines(row, cell))
    value = without_rule_counts(cell.value) if rules else cell.value
    head = "; ".join(filter(None, (value, *_distinctive_facts(row, cell))))
    return [one_line(each) for each in (head, *rules) if each]


def _rule_lines(row: ComparisonRow, cell: ProviderCell) -> Iterator[str]:
    """The rules in words; the names of rules with the same words share a line."""
    facts = {
        name: {"value": value, "basis": "documented"}
        for name, value in cell.firm_facts.items()
    }
    names: dict[str, list[str]] = {}
    for rule in rule_texts(row.feature, facts):
        names.setdefault(rule.words, []).append(rule.name)
    for words, named in names.items():
        yield f"{', '.join(named)}: {words}"


def _distinctive_facts(row: ComparisonRow, cell: ProviderCell) -> Iterator[str]:
    """The facts, other than rules, in which cells with the same value differ."""
    same = [each for each in row.cells.values() if each.value == cell.value]
    names = dict.fromkeys(name for each in same for name in each.firm_facts)
    for name in names:
        values = {repr(each.firm_facts.get(name)) for each in same}
        if len(values) > 1 and not is_rule(name):
            yield _fact_text(name, cell.firm_facts.get(name))


def _fact_text(name: str, value: Any) -> str:
    if value is None:
        return f"no {name}"
    text = join_values(value) if isinstance(value, list) else value_text(value)
    return f"{name} {text}"
