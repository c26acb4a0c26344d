"""The rows and differences of a finished comparison of servers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.compare.servers.confirmation import ConfirmedDivergence, ServerComparison
from contracts.compare.servers.divergence import Divergence, responsiveness_aspect
from contracts.compare.servers.model import (
    Difference,
    DocumentAgreement,
    FeatureRow,
    ParameterVerdict,
    Side,
)
from contracts.compare.servers.observed_aspects import (
    ASPECT_OF_PARAMETER,
    OUTCOME,
    ObservedAnswer,
)
from contracts.compare.servers.session import TargetSession
from contracts.compare.servers.translation import (
    Intent,
    Translation,
    is_invalid_request,
)
from contracts.compare.servers.verdicts import requested_value, verdict_at
from contracts.judging.findings import redact, summarize_case
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.code_samples import curl_command
from contracts.planning.values.field_values import format_value
from contracts.report.model import fingerprint

# The aspects of responses to minimal requests that have a row.
ANSWER_ASPECTS = (
    "delivery",
    "size",
    "format",
    "transparency",
    "members",
    "usage",
    "revised_prompt",
)


def feature_rows(comparison: ServerComparison) -> Iterator[FeatureRow]:
    """A row per intent of one feature, then the aspects of minimal requests."""
    providers = [each.provider for each in comparison.sessions]
    for intent in comparison.intents:
        cells = {
            session.label: verdict_at(session, intent, providers)
            for session in comparison.sessions
        }
        group = "errors" if is_invalid_request(intent, providers) else "request"
        aspects = {
            OUTCOME,
            ASPECT_OF_PARAMETER.get(intent.feature, ""),
            responsiveness_aspect(intent),
        }
        kind = _kind(comparison, intent, aspects)
        yield FeatureRow(
            operation=intent.operation,
            group=group,
            feature=intent.feature,
            asked=requested_value(intent),
            question=intent.id,
            cells=cells,
            kind=kind,
            odd=_odd_labels(cells) if kind else (),
        )
    for intent in comparison.intents:
        if intent.feature == "request":
            yield from _answer_rows(comparison, intent)


def _answer_rows(comparison: ServerComparison, intent: Intent) -> Iterator[FeatureRow]:
    answers = comparison.answers(intent)
    for name in ANSWER_ASPECTS:
        if any(name in each.aspects for each in answers.values()):
            cells = {
                session.label: _aspect_cell(answers.get(session.label), name)
                for session in comparison.sessions
            }
            kind = _kind(comparison, intent, {name})
            odd = _odd_labels(cells) if kind else ()
            yield FeatureRow(
                intent.operation, "answer", name, "", intent.id, cells, kind, odd
            )


def _aspect_cell(answer: ObservedAnswer | None, name: str) -> ParameterVerdict:
    value = answer.aspects.get(name) if answer else None
    return ParameterVerdict(None, value.text if value else "")


def _kind(
    comparison: ServerComparison, intent: Intent, aspects: set[str]
) -> DocumentAgreement | None:
    """The heaviest kind of divergence that an intent shows in one of the aspects."""
    kinds = {
        each.divergence.kind
        for each in comparison.confirmed
        if each.divergence.aspect in aspects and each.is_shown_by(intent)
    }
    return next((each for each in DocumentAgreement if each in kinds), None)


def _odd_labels(cells: Mapping[str, ParameterVerdict]) -> tuple[str, ...]:
    """The labels of known cells that are not with the majority."""
    keys = {label: _agreement_key(cell) for label, cell in cells.items()}
    return _outliers({label: key for label, key in keys.items() if key})


def _agreement_key(cell: ParameterVerdict) -> str:
    """A text that is equal for cells that agree; "" if nothing is known."""
    if cell.verdict is None:
        return cell.value
    if cell.verdict is FeatureVerdict.UNTESTED:
        return ""
    is_renamed = cell.verdict is FeatureVerdict.RENAMED
    return FeatureVerdict.HONOURED if is_renamed else cell.verdict


def _outliers(categories: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that are not with the majority; empty if there is no majority."""
    ranked = Counter(categories.values()).most_common(2)
    if len(ranked) < 2 or ranked[0][1] == ranked[1][1]:
        return ()
    majority = ranked[0][0]
    return tuple(label for label, each in categories.items() if each != majority)


def differences(comparison: ServerComparison) -> list[Difference]:
    """The differences: alarms first, then by the agreement of the documents."""
    found = (_difference(comparison, each) for each in comparison.confirmed)
    return sorted(found, key=_rank)


def _rank(difference: Difference) -> tuple[bool, int]:
    return not difference.alarms, list(DocumentAgreement).index(difference.kind)


def _difference(
    comparison: ServerComparison, confirmed: ConfirmedDivergence
) -> Difference:
    divergence = confirmed.divergence
    intent, categories = divergence.intent, divergence.categories
    labelled = [f"{label} {category}" for label, category in sorted(categories.items())]
    return Difference(
        kind=divergence.kind,
        operation=intent.operation,
        aspect=divergence.aspect,
        question=intent.id,
        asked={name: format_value(value) for name, value in intent.fields},
        sides={
            session.label: _side(divergence, session)
            for session in comparison.sessions
            if session.label in divergence.values
        },
        odd=_outliers(categories),
        fingerprint=fingerprint(
            intent.operation, divergence.aspect, *sorted(intent.changes), *labelled
        ),
        also=tuple(confirmed.also),
        seen=confirmed.seen,
        tries=confirmed.tries,
    )


def _side(divergence: Divergence, session: TargetSession) -> Side:
    translation = session.translation_of(divergence.intent)
    if not isinstance(translation, Translation):
        raise TypeError(f"{session.label} has no request for {divergence.intent.id}")
    value, target = divergence.values[session.label], session.named_target.target
    case, operation = translation.case, translation.operation
    note = value.note
    if divergence.aspect == OUTCOME:
        answer = session.answer(divergence.intent)
        note = answer.summary if answer else ""
    curl = curl_command(
        case,
        target.url(case, operation),
        target.call.key_variable(session.provider),
        operation.method,
        target.call,
    )
    return Side(
        value=value.text,
        note=note,
        promise=divergence.documented_aspects[session.label].statement,
        summary=redact(
            summarize_case(
                target.call.wire_case(case), target.call.auth_for(operation.id)
            ),
            *target.secrets,
        ),
        curl=redact(curl, target.key),
    )
