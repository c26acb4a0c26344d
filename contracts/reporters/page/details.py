"""The details of the cells, as data for the page's script."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from contracts.execution.targets import BadTarget, host_of
from contracts.report.exercised import NEVER_SEEN_TO_FAIL
from contracts.report.model import ClaimRecord, Report, TargetRecord
from contracts.reporters.page.claims import (
    LETTERS,
    STATUSES,
    TONES,
    ClaimCell,
    ClaimGroup,
    ClaimRow,
)
from contracts.reporters.page.features import VERDICT_MARKS
from contracts.reporters.page.rules import (
    fact_words,
    is_rule,
    plain_sentence,
    without_rule_counts,
)
from contracts.text import NO_VALUE, clip, join_some, one_line, printable, safe_url
from mockserver.hosts import is_loopback

MAX_DEFECTS = 2  # that are named
MAX_FACT_LENGTH = 600  # characters of a fact
LINE_DEPTH = 3  # of values whose entries have lines of their own

T = TypeVar("T")


class Details:
    """
    The details of all cells: of features in `columns`, of claims in `claim_columns`.

    Sentences, pages and sources are referred to by number: many claims share them.
    """

    def __init__(self, columns: Sequence[str], claim_columns: Sequence[str]) -> None:
        self._columns = columns
        self._claim_columns = claim_columns
        self._texts: dict[str, int] = {}
        self._pages: dict[tuple[str, str, str], int] = {}
        self._sources: dict[tuple[int, str], int] = {}
        self._contexts: dict[tuple[int, str, str, int, int], int] = {}
        self._client_sets: dict[tuple[str, ...], int] = {}

    def as_data(
        self,
        rows: Iterable[Mapping[str, Any]],
        groups: Iterable[ClaimGroup],
        report: Report | None,
    ) -> dict[str, Any]:
        """The data in the shape that the page's script reads."""
        selectable = _selectable_ids(report)
        features = {
            row["id"]: [
                self._feature(row["cells"].get(column)) for column in self._columns
            ]
            for row in rows
        }
        claims = [
            {
                "operation": group.operation,
                "subject": group.subject,
                "columns": group.columns,
                "ratios": [group.passed_ratio(at) for at in group.columns],
                "rows": [self._claim_row(row, selectable) for row in group.sorted_rows],
            }
            for group in groups
        ]
        return {
            "columns": list(self._columns),
            "claim_columns": list(self._claim_columns),
            "features": features,
            "claims": claims,
            "texts": list(self._texts),
            "pages": list(self._pages),
            "sources": list(self._sources),
            "contexts": list(self._contexts),
            "client_sets": list(self._client_sets),
            "commands": _commands(report),
            "verdicts": VERDICT_MARKS,
            "marks": {
                letter: (word, TONES[letter], STATUSES.get(letter, ""))
                for letter, word in LETTERS.items()
            },
        }

    def _feature(self, cell: Mapping[str, Any] | None) -> dict[str, Any] | int:
        """The fields of a cell that have content; 0 for a cell without a statement."""
        if cell is None:
            return 0
        facts = [
            [_fact_label(name), _format_fact(name, fact["value"]), fact["basis"]]
            for name, fact in cell["facts"].items()
        ]
        fields = {
            "value": without_rule_counts(cell["value"]),
            "wire": cell["wire"],
            "basis": cell["basis"] if cell["source"] else "",
            "note": cell["note"],
            "source": self._source(cell) if cell["source"] else "",
            "facts": facts,
            "odd": [_fact_label(each) for each in cell["differs_in"]],
            "measured": {
                label: {name: value for name, value in measured.items() if value}
                for label, measured in cell["measured"].items()
            },
        }
        found = {name: each for name, each in fields.items() if each or each == 0}
        return 0 if found == {"value": NO_VALUE} else found

    def _claim_row(
        self, row: ClaimRow, selectable: Mapping[str, frozenset[str]]
    ) -> list[Any]:
        """
        A row as a list: name, cells of the providers that have the claim, clients.

        The clients are the number of their set. A cell is a list: number of the column,
        letter, number of the sentence, number of the context, number of cases, and
        anchors of findings. A context is what many cells share: source, basis, mock,
        number of the text on planted defects, and 1 if `--only` can select the claim.
        """
        cells = [
            self._claim(at, cell, cell.claim, selectable.get(column, frozenset()))
            for at, (column, cell) in enumerate(
                zip(self._claim_columns, row.cells, strict=True)
            )
            if cell.claim is not None
        ]
        return [row.name, cells, _number(self._client_sets, row.clients)]

    def _claim(
        self,
        column: int,
        cell: ClaimCell,
        claim: ClaimRecord,
        selectable_ids: frozenset[str],
    ) -> list[Any]:
        context = (
            self._source(asdict(claim)),
            claim.basis,
            claim.mock,
            _number(self._texts, _exercise_note(claim)),
            int(claim.id in selectable_ids),
        )
        return [
            column,
            cell.letter,
            _number(self._texts, printable(plain_sentence(claim.sentence))),
            _number(self._contexts, context),
            cell.case_count,
            *(each.anchor for each in cell.findings),
        ]

    def _source(self, citation: Mapping[str, Any]) -> int:
        """The number of a source: number of the page, and place on it."""
        page = (
            one_line(citation["source_title"] or citation["source"]),
            safe_url(citation["source_url"]),
            one_line(citation["source_date"]),
        )
        place = one_line(citation["source"])
        return _number(self._sources, (_number(self._pages, page), place))


def _number(known: dict[T, int], value: T) -> int:
    """The number of a value in a table, which gets it if it is new."""
    return known.setdefault(value, len(known))


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

    Texts, claims and cells have lines of their own: diffs of published pages are small.
    """
    text = _json_lines(_make_printable(data))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def _json_lines(data: Any, depth: int = 0) -> str:
    """JSON with a line per entry of outer values, and of inner ones with entries."""
    is_container = isinstance(data, dict | list) and bool(data)
    if not is_container or depth > LINE_DEPTH:
        return _to_json(data)
    entries = data.values() if isinstance(data, dict) else data
    if depth > 1 and not any(isinstance(each, dict | list) for each in entries):
        return _to_json(data)
    if isinstance(data, list):
        return f"[{_joined(_json_lines(each, depth + 1) for each in data)}]"
    lines = (f"{_to_json(k)}:{_json_lines(v, depth + 1)}" for k, v in data.items())
    return f"{{{_joined(lines)}}}"


def _joined(parts: Iterable[str]) -> str:
    return ",\n".join(parts)


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
