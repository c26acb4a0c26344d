"""The output of one server for a question that several servers got."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from contracts.compare.servers.input_images import INPUT_IMAGE
from contracts.compare.servers.model import OutputRow
from contracts.compare.servers.observed_aspects import (
    STREAM,
    ObservedAnswer,
    Result,
    output_problems,
    requested_fields,
)
from contracts.compare.servers.translation import Translation
from contracts.judging.outcome import FeatureVerdict, describe_outcome, error_object
from contracts.judging.tasks.conversation import Conversation, Purpose
from contracts.media.base import Medium
from contracts.planning.values.field_values import format_value
from contracts.text import pluralize
from specs import Basis, Operation, Phase

RATE_LIMITED = 429  # no answer to the question, as no connection is none
NOT_FETCHED = "no result was fetched and decoded"


@dataclass(frozen=True)
class OutputQuestion:
    """A request for one output; `field` is the one that it sets, None for none."""

    medium: Medium
    field: tuple[str, Any] | None = None

    @property
    def id(self) -> str:
        """A stable name, such as `image/size=1536x1024`."""
        if self.field is None:
            return f"{self.medium.name}/prompt"
        name, value = self.field
        return f"{self.medium.name}/{name}={value}"

    @property
    def has_input(self) -> bool:
        """True if it has an input image."""
        return self.field is not None and self.field[0] == INPUT_IMAGE

    @property
    def asked(self) -> dict[str, str]:
        return {self.field[0]: format_value(self.field[1])} if self.field else {}


def untested_row(
    label: str, question: OutputQuestion, operation: Operation | None, reason: str
) -> OutputRow:
    """The row of a server that was not asked, with the reason."""
    return OutputRow(
        medium=question.medium.name,
        question=question.id,
        asked=question.asked,
        label=label,
        operation=operation.id if operation else "",
        way=_way(operation) if operation else "",
        verdict=FeatureVerdict.UNTESTED,
        result="",
        note=reason,
    )


def _way(operation: Operation) -> str:
    return "task" if operation.task else "response"


def describe_outputs(summaries: Sequence[str]) -> str:
    """`PNG 1024x1024`, or `2 PNG 1024x1024` for several of one kind."""
    counts = Counter(summaries)
    return "; ".join(f"{n} {text}" if n > 1 else text for text, n in counts.items())


def response_row(
    label: str,
    question: OutputQuestion,
    translation: Translation,
    answer: ObservedAnswer,
) -> OutputRow:
    """The row of a response that should have the output."""
    row = _row(label, question, translation)
    delivery = answer.aspects.get("delivery")
    row = replace(row, seconds=round(answer.seconds, 4))
    if answer.status in (None, RATE_LIMITED):
        return replace(row, verdict=FeatureVerdict.UNTESTED, note=answer.summary)
    if answer.result is not Result.ACCEPTED:
        refused = answer.result is Result.REFUSED
        verdict = FeatureVerdict.REFUSED if refused else FeatureVerdict.REFUSED_BADLY
        return replace(
            row, verdict=verdict, result=str(answer.status or ""), note=answer.summary
        )
    row = replace(row, delivery=delivery.text if delivery else "")
    wants_stream = requested_fields(translation).get("stream") is True
    if wants_stream and answer.aspects["body"].text != STREAM:
        return replace(row, verdict=FeatureVerdict.IGNORED, note="it is no stream")
    if len(answer.outputs) < int(answer.aspects["pictures"].text):
        return replace(row, verdict=FeatureVerdict.UNTESTED, note=NOT_FETCHED)
    return _with_outputs(
        row, question.medium, translation, answer.outputs, answer.problems
    )


def with_evidence(row: OutputRow, broken: OutputRow) -> OutputRow:
    """
    The row of an accepted request with an input image, if the image was read.

    `broken` is the row of the same request with data that is no image: a server that
    reads its input images rejects it. An output does not show what it was made from.
    """
    if broken.verdict in (FeatureVerdict.REFUSED, FeatureVerdict.REFUSED_BADLY):
        return row
    seen = "so is data that is no image"
    if broken.verdict is FeatureVerdict.UNTESTED:
        seen = f"data that is no image was not sent ({broken.note})"
    note = f"it is accepted, but {seen}"
    return replace(row, verdict=FeatureVerdict.UNTESTED, note=note)


def conversation_row(
    label: str,
    question: OutputQuestion,
    translation: Translation,
    talk: Conversation,
) -> OutputRow:
    """The row of a task that was followed to its end."""
    polls = [each for each in talk.steps if each.purpose is Purpose.POLL]
    names = [state.name for _, state in talk.states]
    row = replace(
        _row(label, question, translation),
        reads=len(polls),
        states=tuple(name for name, _ in groupby(names)),
        delivery=talk.results[0].form if talk.results else "",
        seconds=round(_duration(talk), 4),
    )
    created, final = talk.created, talk.final
    if created is None or created.body is None:
        response = talk.steps[0].interaction
        if response.status in (None, RATE_LIMITED):
            note = describe_outcome(response)
            return replace(row, verdict=FeatureVerdict.UNTESTED, note=note)
        is_clean = response.status is not None and error_object(response) is not None
        refused = is_clean and 400 <= (response.status or 0) < 500
        verdict = FeatureVerdict.REFUSED if refused else FeatureVerdict.REFUSED_BADLY
        note = describe_outcome(response)
        return replace(
            row, verdict=verdict, result=str(response.status or ""), note=note
        )
    if talk.not_finished is not None:
        return replace(row, verdict=FeatureVerdict.UNTESTED, note=talk.not_finished)
    if final is None:
        last = talk.steps[-1].interaction
        note = f"no final state: {describe_outcome(last)}"
        return replace(row, verdict=FeatureVerdict.REFUSED_BADLY, note=note)
    step, state = final
    if state.phase is not Phase.SUCCEEDED:
        reason = talk.kind.error.value(step.body) if talk.kind.error else None
        note = f"the task ended as {state.name}: {format_value(reason)}"
        return replace(row, verdict=FeatureVerdict.REFUSED, note=note)
    if not talk.results and talk.not_fetched:
        return replace(row, verdict=FeatureVerdict.UNTESTED, note=NOT_FETCHED)
    # A task may have each output in several forms, and others beside it.
    results = [
        each
        for each in talk.results
        if each.form == talk.results[0].form and each.medium == question.medium.name
    ]
    outputs = [each.output for each in results if each.output is not None]
    broken = [f"it {each.problem}" for each in results if each.problem]
    wanted = [each for each in outputs if each.problem is None]
    problems = output_problems(question.medium, translation, wanted)
    return _with_outputs(
        row,
        question.medium,
        translation,
        [each.summary for each in wanted],
        [*broken, *problems],
    )


def _duration(talk: Conversation) -> float:
    """The seconds from the creation of a task to the response with its final state."""
    ends = [step.interaction.at for step, _ in talk.states]
    first = talk.steps[0].interaction
    return max(0.0, (max(ends) if ends else first.at) - first.at + first.seconds)


def _row(label: str, question: OutputQuestion, translation: Translation) -> OutputRow:
    row = untested_row(label, question, translation.operation, "")
    return replace(row, promised=translation.basis is Basis.DOCUMENTED)


def _with_outputs(
    row: OutputRow,
    medium: Medium,
    translation: Translation,
    summaries: Sequence[str],
    problems: Iterable[str],
) -> OutputRow:
    """The row with its outputs, and the verdict on them."""
    found = list(problems)
    asked = medium.requested_count(requested_fields(translation))
    if len(summaries) != asked and not found:
        found = [f"{pluralize(len(summaries), medium.noun)}; requested: {asked}"]
    verdict = FeatureVerdict.ALTERED if found else FeatureVerdict.HONOURED
    note = "; ".join(dict.fromkeys(found))
    return replace(row, verdict=verdict, result=describe_outputs(summaries), note=note)
