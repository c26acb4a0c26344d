"""One run: plan, send, judge, report. The plan is whole before anything is sent."""

import math
from collections.abc import (
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from contracts.errors import HarnessError
from contracts.execution.client import (
    RESPONSE_TIMEOUT,
    Target,
)
from contracts.execution.recording import CassetteSession
from contracts.judging.examiner import canonical_payload, max_cost
from contracts.judging.guarantees import (
    COMPARED_FIELDS,
)
from contracts.media.guarantee import request_key
from contracts.planning.case import Case
from contracts.planning.coverage import coverage
from contracts.planning.plan import plan
from contracts.report.model import (
    Outcome,
    TargetRecord,
)
from specs import (
    Provider,
    State,
)

if TYPE_CHECKING:
    from contracts.judging.second_opinion.requests import SecondOpinion
    from contracts.planning.example_database import ExampleDatabase
from contracts.planning.coverage import claim_records


class CouldNotRun(HarnessError):
    """A run that cannot begin, or with a rejected key; the message says what to do."""


@dataclass(frozen=True)
class Campaign:
    """
    A provider, the target that claims to be it, and the questions to be put.

    Without `questions` they are planned: a target that is our mock gets those that
    only it can be asked, `fuzz` adds what Hypothesis draws, `second_opinion` what
    schemathesis draws and has against the answers; `examples` of earlier runs are asked
    first, and `only` keeps the cases whose id has one of these parts. A `frugal`
    campaign asks one question at a time, the cheapest first, and none that was not
    planned: each may cost money. At most `rate` questions are asked a minute. `done`
    are the outcomes of an earlier run, by case, that need not be asked again. A `tape`
    takes down what is said, or gives it again. An answer has `patience` seconds.
    """

    provider: Provider
    target: Target
    seed: int = 0
    fuzz: bool = True
    second_opinion: bool = False
    examples: "ExampleDatabase | None" = None
    only: tuple[str, ...] = ()
    selected_cases: Sequence[Case] | None = None
    is_paid: bool = False
    rate: float | None = None
    done: Mapping[str, Outcome] = field(default_factory=dict)
    cassette: CassetteSession | None = None
    timeout: float = RESPONSE_TIMEOUT

    @cached_property
    def cases(self) -> list[Case]:
        """All of them, in the order in which they will be asked."""
        found = list(self.selected_cases or ())
        if self.selected_cases is None:
            found = plan(self.provider, seed=self.seed, is_mock=self.target.is_mock)
        if self.fuzz:
            from contracts.planning.fuzz import fuzz

            found += fuzz(self.provider, seed=self.seed)
        if self.external_judge is not None:
            found += self.external_judge.cases
        if self.examples is not None:
            found = [*self.examples.cases(self.provider), *found]
        if self.only:
            found = [
                each for each in found if any(part in each.id for part in self.only)
            ]
        return sorted(found, key=self._expected_cost) if self.is_paid else found

    @cached_property
    def external_judge(self) -> "SecondOpinion | None":
        if not self.second_opinion:
            return None
        from contracts.judging.second_opinion.requests import second_opinion

        return second_opinion(self.provider, self.seed)

    @cached_property
    def pending(self) -> list[Case]:
        """The cases that no earlier run has asked."""
        return [each for each in self.cases if each.id not in self.done]

    def resume_from(self, done: Mapping[str, Outcome]) -> "Campaign":
        """
        The same without the questions of an earlier run.

        One that a question still open will be compared with is asked again.
        """
        planned = {each.id: each for each in self.cases}
        answered = {
            name: each
            for name, each in done.items()
            if name in planned and each.status is not None
        }
        names = {
            name: set(self._comparison_keys(each)) for name, each in planned.items()
        }
        still_open = set().union(
            *(names[name] for name in planned if name not in answered)
        )
        kept = {
            name: each
            for name, each in answered.items()
            if not names[name] & still_open
        }
        resumed = replace(self, done=kept)
        vars(resumed)["cases"] = self.cases  # planned already
        return resumed

    def _comparison_keys(self, case: Case) -> Iterator[str]:
        """Names of the comparisons with other answers that a case takes part in."""
        if case.expectation is not State.INVALID and case.is_payload_only:
            asked = canonical_payload(self.provider, case)
            for member in COMPARED_FIELDS.values():
                media_type = case.media_type or ""
                yield f"{member} {request_key(asked, media_type, without=member)}"

    def _expected_cost(self, case: Case) -> float:
        """What a case is expected to cost: nothing for one that is to be refused."""
        if case.expected_error is not None:
            return 0.0
        worst = self.max_cost(case)
        return math.inf if worst is None else worst

    def max_cost(self, case: Case) -> float | None:
        """The price of a case if every image it asks for came; see `max_cost`."""
        return max_cost(self.provider, case)

    def target_record(self, answered: Collection[str] = ()) -> TargetRecord:
        """The target, and every claim with how many answered cases asked for it."""
        counts = coverage(
            self.provider, [each for each in self.cases if each.id in answered]
        )
        return TargetRecord(
            provider=self.provider.id,
            title=self.provider.title,
            base_url=self.target.base_url,
            is_mock=self.target.is_mock,
            document=self.provider.version,
            planned=len(self.cases),
            currency=self.provider.dialect.prices.get("currency"),
            claims=tuple(claim_records(self.provider, counts)),
        )
