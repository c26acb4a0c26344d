"""
Compare both ends of a gateway whose requests have different forms at its two sides.

One of them has a task, or is an operation of another kind, such as a chat completion.
"""

from collections.abc import Iterator
from dataclasses import replace

from contracts.judging.outcome import FeatureVerdict
from contracts.judging.tasks.conversation import Purpose
from contracts.text import pluralize
from contracts.traffic.gateway.diff import NO_VALUE
from contracts.traffic.gateway.ends import End, client_end, upstream_end
from contracts.traffic.gateway.exchange import GatewayExchange, upstream_tasks
from contracts.traffic.gateway.question import QuestionKind
from contracts.traffic.gateway.requests import (
    added_fields_row,
    compare_field,
    key_row,
    model_row,
)
from contracts.traffic.gateway.rows import (
    NO_FIELD,
    OWN_FORM,
    GatewayEnds,
    GatewayRow,
    retry_note,
)
from specs import Role

NO_REQUEST = "no request reached the upstream"
NO_TASK = "the gateway created no task at its upstream"
NO_PAUSE = "no Retry-After"
OTHER_FORM = "the ends have different forms: their responses have no common fields"
NO_STREAM = "one end has a task, and no stream"
# Fields about the form of the response, which each end has for itself.
OWN_FIELDS = ("response_format", "async", "stream", "partial_images")


_FAULTS = (QuestionKind.FAULT, QuestionKind.CUT_STREAM)
_STREAMS = (QuestionKind.STREAM, QuestionKind.CUT_STREAM)


def other_form_rows(
    ends: GatewayEnds, exchange: GatewayExchange
) -> Iterator[GatewayRow]:
    """The rows of an exchange whose ends have different forms."""
    kind = exchange.question.kind
    if kind is QuestionKind.ANSWER:
        row = model_row(ends, exchange)
        # A model that writes and one that draws are not the same.
        is_own = not exchange.has_task and row.verdict is FeatureVerdict.ALTERED
        yield replace(row, promised=False, note=OWN_FORM) if is_own else row
        yield key_row(ends, exchange)
        yield added_fields_row(ends, exchange)
        yield _files_row(ends, exchange, "images")
    elif kind in {QuestionKind.MEMBER, QuestionKind.SEVERAL}:
        for row in compare_field(ends, exchange):
            yield _with_promise(ends, exchange, row)
        for feature in exchange.question.more_features:
            yield _files_row(ends, exchange, feature)
    elif kind is QuestionKind.MODEL:
        yield from compare_field(ends, exchange)
    elif kind is QuestionKind.ERROR:
        yield _error_row(ends, exchange)
    elif kind is QuestionKind.TASK_END:
        yield _task_end_row(ends, exchange)
    elif kind is QuestionKind.CANCEL:
        yield _cancel_row(ends, exchange)
    elif kind in _FAULTS and not (kind in _STREAMS and exchange.has_task):
        yield _fault_row(ends, exchange)
    elif kind is QuestionKind.STREAM and not exchange.has_task:
        yield _stream_row(ends, exchange)
    else:
        is_answer = kind is QuestionKind.UNLISTED_ANSWER
        note = OTHER_FORM if is_answer else NO_STREAM
        for feature in exchange.question.features:
            yield ends.untested_row(exchange, note, feature)


def _with_promise(
    ends: GatewayEnds, exchange: GatewayExchange, row: GatewayRow
) -> GatewayRow:
    """A row that cannot fail for a field that the upstream does not have."""
    question, request = exchange.question, exchange.last_upstream_request
    if request is None or row.verdict not in (
        FeatureVerdict.IGNORED,
        FeatureVerdict.ALTERED,
    ):
        return row
    name = ends.provider.dialect.canonical_name(question.operation.id, question.member)
    operation, dialect = request.operation, ends.upstream.dialect
    known = {
        dialect.canonical_name(operation.id, each)
        for body in operation.bodies.values()
        for each in body.properties
    }
    known |= set(dialect.places_of(operation.id))
    if name in OWN_FIELDS:
        return replace(row, promised=False, note=OWN_FORM)
    return row if name in known else replace(row, promised=False, note=NO_FIELD)


def _files_row(
    ends: GatewayEnds, exchange: GatewayExchange, feature: str
) -> GatewayRow:
    """The results of the upstream at the caller."""
    expected, actual = upstream_end(ends.upstream, exchange), client_end(exchange)
    if expected is None or not expected.is_success:
        reason = expected.error if expected else NO_REQUEST
        note = f"no result of the upstream: {reason}"
        return ends.untested_row(exchange, note, feature)
    sent = _describe_files(expected)
    if not actual.is_success:
        verdict, arrived = FeatureVerdict.REFUSED_BADLY, actual.error
    elif actual.files == expected.files:
        verdict, arrived = FeatureVerdict.HONOURED, _describe_files(actual)
    elif not actual.files:
        verdict, arrived = FeatureVerdict.IGNORED, "no image"
    else:
        order = sorted(actual.files) == sorted(expected.files)
        how = "in another order" if order else "other bytes"
        if len(actual.files) != len(expected.files):
            how = "another number"
        verdict = FeatureVerdict.ALTERED
        arrived = f"{_describe_files(actual)}, {how}"
    return ends.build_row(exchange, verdict, sent, arrived, feature, group="answer")


def _describe_files(end: End) -> str:
    by_task = " by a task" if end.state else ""
    return f"{pluralize(len(end.files), 'result')}{by_task}"


def _stream_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """A stream at the caller, with the results of the upstream in whatever form."""
    row = _files_row(ends, exchange, exchange.question.feature)
    row = replace(row, sent="true", group=exchange.question.group)
    is_stream = exchange.interaction.is_stream
    if row.verdict is FeatureVerdict.HONOURED and not is_stream:
        arrived = exchange.interaction.content_type or "no content type"
        return replace(row, verdict=FeatureVerdict.IGNORED, arrived=arrived)
    return row


def _error_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """An error of the upstream at the caller: its status and its message."""
    expected, actual = upstream_end(ends.upstream, exchange), client_end(exchange)
    if expected is None:
        return ends.untested_row(exchange, NO_REQUEST)
    if expected.is_success or expected.state:
        return ends.untested_row(exchange, "the upstream has no such error")
    note = retry_note(exchange)
    problem = _lost_error(actual)
    if problem is not None:
        verdict, arrived = problem
    else:
        changes = []
        if not actual.state and actual.status != expected.status:
            changes.append(f"status {actual.status} for {expected.status}")
        if not actual.state and expected.pause and actual.pause != expected.pause:
            changes.append(f"Retry-After {actual.pause}" if actual.pause else NO_PAUSE)
        if expected.reason and expected.reason not in actual.reason:
            changes.append("no message")
        verdict = FeatureVerdict.ALTERED if changes else FeatureVerdict.HONOURED
        arrived = "; ".join([actual.error, *changes])
    return ends.build_row(exchange, verdict, expected.error, arrived, note=note)


def _lost_error(actual: End) -> tuple[FeatureVerdict, str] | None:
    """The verdict if the caller sees a success, or nothing that it can read."""
    if actual.is_success:
        status = f"{actual.status}, " if actual.status else ""
        text = f"{status}as a success with {_describe_files(actual)}"
        return FeatureVerdict.ALTERED, text
    if not actual.is_clean:
        return FeatureVerdict.REFUSED_BADLY, actual.error
    return None


def _task_end_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """A task of the upstream that ends without a result: an error, or a failed task."""
    expected, actual = upstream_end(ends.upstream, exchange), client_end(exchange)
    if expected is None or not list(upstream_tasks(ends.upstream, exchange)):
        return ends.untested_row(exchange, NO_TASK)
    if expected.is_success:
        return ends.untested_row(exchange, "the task of the upstream has succeeded")
    problem = _lost_error(actual)
    note = ""
    if problem is not None:
        verdict, arrived = problem
    else:
        verdict, arrived = FeatureVerdict.HONOURED, actual.error
        if expected.reason and expected.reason not in actual.reason:
            note = "without its reason"
    return ends.build_row(exchange, verdict, expected.error, arrived, note=note)


def _fault_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """A broken response of the upstream: the caller must get an error, or a result."""
    expected, actual = upstream_end(ends.upstream, exchange), client_end(exchange)
    if expected is None:
        return ends.untested_row(exchange, NO_REQUEST)
    if not actual.is_success:
        is_clean = actual.is_clean
        verdict = FeatureVerdict.REFUSED if is_clean else FeatureVerdict.REFUSED_BADLY
        arrived = actual.error
    elif actual.files and actual.files == expected.files:
        verdict, arrived = FeatureVerdict.HONOURED, _describe_files(actual)
    else:
        verdict = FeatureVerdict.REFUSED_BADLY
        arrived = f"as a success with {_describe_files(actual)}"
    return ends.build_row(exchange, verdict, "", arrived, note=retry_note(exchange))


def _cancel_row(ends: GatewayEnds, exchange: GatewayExchange) -> GatewayRow:
    """A task that the caller cancels: the gateway must cancel its own."""
    asked = [
        each.interaction
        for each in (exchange.talk.steps if exchange.talk else ())
        if each.purpose is Purpose.CANCEL
    ]
    tasks = list(upstream_tasks(ends.upstream, exchange))
    if not asked:
        return ends.untested_row(exchange, "the task had ended before")
    if not tasks:
        return ends.untested_row(exchange, NO_TASK)
    sent = "a cancellation"
    kind = tasks[0].kind.name
    if not ends.upstream.operations_on(kind, Role.CANCEL):
        return ends.untested_row(exchange, "the upstream documents no cancellation")
    received = [each for task in tasks for each in task.of_role(Role.CANCEL)]
    if any(each.is_success for each in received):
        verdict, arrived = FeatureVerdict.HONOURED, sent
    elif not asked[0].is_success:
        verdict, arrived = FeatureVerdict.REFUSED, str(asked[0].status)
    elif received:
        verdict = FeatureVerdict.ALTERED
        arrived = f"the upstream responded {received[-1].status}"
    else:
        verdict, arrived = FeatureVerdict.IGNORED, NO_VALUE
    return ends.build_row(exchange, verdict, sent, arrived)
