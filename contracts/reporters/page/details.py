"""The details of the cells, as data for the page's script."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from contracts.execution.targets import BadTarget, host_of
from contracts.report.exercised import NEVER_SEEN_TO_FAIL
from contracts.report.model import ClaimRecord, Report, TargetRecord
from contracts.reporters.page.claims import LETTERS, TONES, ClaimCell, ClaimGroup
from contracts.reporters.page.features import VERDICT_MARKS
from contracts.reporters.page.rules import (
    fact_words,
    is_rule,
    plain_sentence,
    without_rule_counts,
)
from contracts.text import clip, join_some, one_line, printable, safe_url
from mockserver.hosts import is_loopback

MAX_DEFECTS = 2  # that are named
MAX_FACT_LENGTH = 600  # characters of a fact


class Details:
    """
    The details of all cells: of features in `columns`, of claims in `claim_columns`.

    Sentences and sources are referred to by number, since many claims share them.
    """

    def __init__(self, columns: Sequence[str], claim_columns: Sequence[str]) -> None:
        self._columns = columns
        self._claim_columns = claim_columns
        self._texts: dict[str, int] = {}
        self._sources: dict[tuple[str, str, str, str], int] = {}

    def as_data(
        self,
        rows: Iterable[Mapping[str, Any]],
        groups: Iterable[ClaimGroup],
        report: Report | None,
    ) -> dict[str, Any]:
        """The data in the shape that the page's script reads."""
        selectable = _selectable_ids(report)
        features = {
            row["id"]: {
                column: self._feature(cell) for column, cell in row["cells"].items()
            }
            for row in rows
        }
        claims = {
            row.id: [
                self._claim(cell, selectable.get(column, frozenset()))
                for column, cell in zip(self._claim_columns, row.cells, strict=True)
            ]
            for group in groups
            for row in group.rows
        }
        return {
            "columns": list(self._columns),
            "claim_columns": list(self._claim_columns),
            "features": features,
            "claims": claims,
            "texts": list(self._texts),
            "sources": list(self._sources),
            "commands": _commands(report),
            "verdicts": VERDICT_MARKS,
            "marks": {
                letter: (word, TONES[letter]) for letter, word in LETTERS.items()
            },
        }

    def _feature(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        facts = [
            [_fact_label(name), _format_fact(name, fact["value"]), fact["basis"]]
            for name, fact in cell["facts"].items()
        ]
        fields = {
            "value": without_rule_counts(cell["value"]),
            "wire": cell["wire"],
            "basis": cell["basis"],
            "note": cell["note"],
            "source": self._source(cell) if cell["source"] else "",
            "facts": facts,
            "odd": [_fact_label(each) for each in cell["differs_in"]],
            "measured": cell["measured"],
        }
        return {name: value for name, value in fields.items() if value or value == 0}

    def _claim(
        self, cell: ClaimCell, selectable_ids: frozenset[str]
    ) -> list[Any] | int:
        """
        The fields of a claim as a list; 0 if the provider's document does not have it.

        Letter, sentence, source, basis, mock, number of cases, 1 if `--only` can
        select it else 0, anchors of findings, number of the text on planted defects.
        """
        claim = cell.claim
        if claim is None:
            return 0
        return [
            cell.letter,
            self._texts.setdefault(
                printable(plain_sentence(claim.sentence)), len(self._texts)
            ),
            self._source(asdict(claim)),
            claim.basis,
            claim.mock,
            cell.case_count,
            int(claim.id in selectable_ids),
            [each.anchor for each in cell.findings],
            self._texts.setdefault(_exercise_note(claim), len(self._texts)),
        ]

    def _source(self, citation: Mapping[str, Any]) -> int:
        """The number of a source: page title, URL, date, and place on the page."""
        key = (
            one_line(citation["source_title"] or citation["source"]),
            safe_url(citation["source_url"]),
            one_line(citation["source_date"]),
            one_line(citation["source"]),
        )
        return self._sources.setdefault(key, len(self._sources))


def _exercise_note(claim: ClaimRecord) -> str:
    """The planted defects on which the check of a claim was seen to fail."""
    defects = claim.exercised_by
    if not defects:
        return NEVER_SEEN_TO_FAIL
    listed = join_some(defects, MAX_DEFECTS)
    return f"check seen to fail on the planted defects {listed}"


def _fact_label(name: str) -> str:
    """`rule size-gpt-image-2` for the fact `rule/size-gpt-image-2`."""
    return name.replace("rule/", "rule ") if is_rule(name) else name


def _format_fact(name: str, value: Any) -> str:
    return "\n".join(fact_words(name, value)) or _format_value(value)


def _format_value(value: Any) -> str:
    """A fact as text."""
    if isinstance(value, list) and not any(isinstance(e, dict | list) for e in value):
        return clip(" \N{MIDDLE DOT} ".join(map(_format_value, value)), MAX_FACT_LENGTH)
    if isinstance(value, str):
        return clip(value, MAX_FACT_LENGTH)
    return clip(json.dumps(value, ensure_ascii=False), MAX_FACT_LENGTH)


def _selectable_ids(report: Report | None) -> dict[str, frozenset[str]]:
    """By provider, the values for `--only`: ids of cases and the paths above them."""
    found: dict[str, set[str]] = {}
    for outcome in report.outcomes if report else ():
        ids = found.setdefault(outcome.provider, set())
        end = len(outcome.case)
        while end > 0 and outcome.case[:end] not in ids:
            ids.add(outcome.case[:end])
            end = outcome.case.rfind("/", 0, end)
    return {name: frozenset(ids) for name, ids in found.items()}


def _commands(report: Report | None) -> dict[str, str]:
    """By provider, the command that repeats its tests."""
    if report is None:
        return {}
    seed = report.metadata.seed
    return {each.provider: command(each, seed) for each in report.metadata.targets}


def command(target: TargetRecord, seed: int, only: str = "") -> str:
    """The command that repeats the tests of a target: all, or those of `only`."""
    words = ["imageparity", "run", target.provider]
    if not target.is_mock:
        words += ["--against", target.base_url]
        if not _is_local(target.base_url):
            words += ["--live", "--budget", "AMOUNT"]
    words += ["--only", only] if only else []
    words += ["--seed", str(seed)] if seed else []
    return shlex.join(words)


def _is_local(base_url: str) -> bool:
    try:
        return is_loopback(host_of(base_url))
    except BadTarget:
        return False


def as_script(data: Any) -> str:
    """
    JSON for a `script` element: no text in it ends the element.

    There is a line per second-level entry, which keeps diffs of published pages small.
    """
    parts = (
        f"{_to_json(name)}:{_json_lines(each)}"
        for name, each in _make_printable(data).items()
    )
    text = "{" + ",\n".join(parts) + "}"
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def _json_lines(data: Any) -> str:
    if isinstance(data, dict):
        inner = ",\n".join(f"{_to_json(k)}:{_to_json(v)}" for k, v in data.items())
        return f"{{{inner}}}"
    if isinstance(data, list):
        return f"[{','.join(map(_to_json, data))}]"
    return _to_json(data)


def _to_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _make_printable(data: Any) -> Any:
    """A copy with every text printable."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, Mapping):
        return {printable(name): _make_printable(each) for name, each in data.items()}
    return (
        [_make_printable(each) for each in data]
        if isinstance(data, list | tuple)
        else data
    )
