"""The verdicts on servers and clients, as lines of the text and Markdown reports."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.judging.readiness import ClientVerdict, Readiness, client_verdicts
from contracts.report.model import Finding, Report, TargetRecord
from contracts.report.summary import FindingSummary
from contracts.report.verdicts import (
    DocumentVerdict,
    documentation_verdicts,
    reference_verdicts,
)
from contracts.text import in_words, join_some
from specs import reference_title

MAX_NUMBERS = 6  # of findings that are listed per target


@dataclass(frozen=True, slots=True)
class _Answer:
    """
    The answer to a question about one target.

    `findings` and `notes` are its reasons.
    """

    target: TargetRecord
    words: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def verdict_rows(
    report: Report, findings: Sequence[FindingSummary]
) -> Iterator[tuple[str, str]]:
    """
    Yield each verdict as a question and its answer.

    `findings` are those of the report in the order in which they are numbered.
    """
    numbers = {
        (each.target.provider, each.finding.fingerprint): number
        for number, each in enumerate(findings, 1)
    }
    documented = [_answer(each) for each in documentation_verdicts(report)]
    yield "conforms to its documentation", _sentence(documented, numbers)
    referring = [_answer(each) for each in reference_verdicts(report)]
    if referring:
        question = f"behaves as {reference_title()}'s reference"
        yield question, _sentence(referring, numbers)
    answers: dict[str, list[_Answer]] = {}
    for verdict in client_verdicts(report):
        name = f"{verdict.client.id} {verdict.client.version}"
        answer = _Answer(
            verdict.target, str(verdict.readiness), verdict.findings, _notes(verdict)
        )
        answers.setdefault(name, []).append(answer)
    for name, given in answers.items():
        yield name, _sentence(given, numbers)


def _answer(verdict: DocumentVerdict) -> _Answer:
    if verdict.findings:
        words = "no"
    elif verdict.is_kept:
        words = "yes"
    else:
        words = "inconclusive" if verdict.is_inconclusive else "not tested"
    return _Answer(verdict.target, words, verdict.findings)


def _notes(verdict: ClientVerdict) -> tuple[str, ...]:
    """The reasons for a verdict on a client that are no findings."""
    notes = [f"images as {each}" for each in verdict.unread]
    if verdict.readiness is not Readiness.NOT_TESTED:
        notes += [f"{each} not tested" for each in verdict.untested]
    return tuple(notes)


def _sentence(
    answers: Sequence[_Answer], numbers: Mapping[tuple[str, str], int]
) -> str:
    """`no (findings 1 and 2)`; of several targets `yes: One, Two; no: Three (…)`."""
    given = [(each, f"{each.words}{_reasons(each, numbers)}") for each in answers]
    if len({text for _, text in given}) == 1:
        only = given[0][1]
        return only if len(given) == 1 else f"{only}: all {in_words(len(given))}"
    titles: dict[str, list[str]] = {}
    for answer, text in given:
        reasons = text.removeprefix(answer.words)
        titles.setdefault(answer.words, []).append(f"{answer.target.title}{reasons}")
    return "; ".join(f"{words}: {', '.join(each)}" for words, each in titles.items())


def _reasons(answer: _Answer, numbers: Mapping[tuple[str, str], int]) -> str:
    """` (findings 1, 4 and 2 more; createImageEdit not tested)`; empty without any."""
    found = sorted(
        numbers[answer.target.provider, each.fingerprint] for each in answer.findings
    )
    reasons = list(answer.notes)
    if found:
        noun = "finding" if len(found) == 1 else "findings"
        listed = join_some([str(each) for each in found], MAX_NUMBERS)
        reasons.insert(0, f"{noun} {listed}")
    return f" ({'; '.join(reasons)})" if reasons else ""
