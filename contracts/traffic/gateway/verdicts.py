"""The verdicts of a gateway test: one comparison for each kind of question."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contracts.traffic.gateway.failures import (
    compare_cut_stream,
    compare_error,
    compare_fault,
)
from contracts.traffic.gateway.questions import QuestionKind
from contracts.traffic.gateway.requests import (
    compare_answer,
    compare_field,
    compare_image_count,
    compare_unlisted_answer,
)
from contracts.traffic.gateway.rows import GatewayEnds, GatewayRow
from contracts.traffic.gateway.session import GatewayExchange
from contracts.traffic.gateway.streams import compare_stream

COMPARE_BY_KIND: dict[
    QuestionKind, Callable[[GatewayEnds, GatewayExchange], Iterator[GatewayRow]]
] = {
    QuestionKind.ANSWER: compare_answer,
    QuestionKind.UNLISTED_ANSWER: compare_unlisted_answer,
    QuestionKind.MEMBER: compare_field,
    QuestionKind.SEVERAL: compare_image_count,
    QuestionKind.STREAM: compare_stream,
    QuestionKind.ERROR: compare_error,
    QuestionKind.FAULT: compare_fault,
    QuestionKind.CUT_STREAM: compare_cut_stream,
}


@dataclass(frozen=True)
class GatewayDiff(GatewayEnds):
    """Compares both ends of exchanges through a gateway."""

    def rows(self, exchange: GatewayExchange) -> Iterator[GatewayRow]:
        """Yield a row for each feature that the question of an exchange tests."""
        question = exchange.question
        if question.untested:
            yield self.untested_row(exchange, question.untested)
            return
        yield from COMPARE_BY_KIND[question.kind](self, exchange)
