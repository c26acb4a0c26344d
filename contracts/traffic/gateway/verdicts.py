"""The verdicts of a gateway test: one comparison for each kind of question."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contracts.traffic.gateway.exchange import GatewayExchange
from contracts.traffic.gateway.failures import (
    compare_cut_stream,
    compare_error,
    compare_fault,
)
from contracts.traffic.gateway.form_rows import other_form_rows
from contracts.traffic.gateway.question import QuestionKind
from contracts.traffic.gateway.requests import (
    compare_answer,
    compare_field,
    compare_image_count,
    compare_unlisted_answer,
)
from contracts.traffic.gateway.rows import GatewayEnds, GatewayRow
from contracts.traffic.gateway.streams import compare_stream

COMPARE_BY_KIND: dict[
    QuestionKind, Callable[[GatewayEnds, GatewayExchange], Iterator[GatewayRow]]
] = {
    QuestionKind.ANSWER: compare_answer,
    QuestionKind.UNLISTED_ANSWER: compare_unlisted_answer,
    QuestionKind.MEMBER: compare_field,
    QuestionKind.MODEL: compare_field,
    QuestionKind.SEVERAL: compare_image_count,
    QuestionKind.STREAM: compare_stream,
    QuestionKind.ERROR: compare_error,
    QuestionKind.FAULT: compare_fault,
    QuestionKind.CUT_STREAM: compare_cut_stream,
}


@dataclass(frozen=True)
class GatewayDiff(GatewayEnds):
    """Compares both ends of exchanges through a gateway."""

    def rows(self, exchanges: Sequence[GatewayExchange]) -> Iterator[GatewayRow]:
        """
        Yield a row for each feature that the questions of the exchanges test.

        A feature that needs a model of its own is not tested if the gateway does not
        offer that model, as its response to a plain request shows.
        """
        refused = {
            _model_of(each)
            for each in exchanges
            if each.question.kind is QuestionKind.MODEL
            and not each.interaction.is_success
        }
        for exchange in exchanges:
            question = exchange.question
            if question.untested:
                yield self.untested_row(exchange, question.untested)
            elif question.kind is not QuestionKind.MODEL and (
                _model_of(exchange) in refused
            ):
                note = f"it needs {question.model}, which the gateway refuses"
                yield self.untested_row(exchange, note)
            elif exchange.has_other_form:
                yield from other_form_rows(self, exchange)
            elif question.kind in COMPARE_BY_KIND:  # others are about tasks alone
                yield from COMPARE_BY_KIND[question.kind](self, exchange)


def _model_of(exchange: GatewayExchange) -> tuple[str, str]:
    return exchange.question.operation.id, exchange.question.model
