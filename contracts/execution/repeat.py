"""Send each case several times, and count the requests in which its checks fail."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from contracts.execution.sending.client import Sender
from contracts.judging.checks import CheckContext, Observation
from contracts.judging.examiner import Examiner, cost_of
from contracts.judging.guarantees.table import HISTORY_CHECKS
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case
from contracts.report.model import CheckName, Finding, FindingKind
from contracts.report.repeats import PassRate, RateVerdict, Repeats
from specs import Basis

_Key = tuple[str, str, str]


@dataclass(slots=True)
class Repetitions:
    """
    The requests of one case that had a result.

    `failures` are, per request, the checks that failed. `first_failures` has the first
    request in which a check failed, by check. `cost` is None if it is unknown.
    """

    failures: list[set[_Key]] = field(default_factory=list)
    passed: int = 0
    cost: float | None = 0.0
    first_byte: list[float] = field(default_factory=list)
    output: list[float] = field(default_factory=list)
    first_failures: dict[_Key, tuple[CheckContext, Observation]] = field(
        default_factory=dict
    )

    def add_cost(self, cost: float | None) -> None:
        """Add the cost of a request, whether it has a result or not."""
        if self.cost is not None:
            self.cost = None if cost is None else self.cost + cost

    def add(self, context: CheckContext, observations: Sequence[Observation]) -> None:
        """Add a request. Checks that compare it with earlier ones do not count."""
        own = [each for each in observations if each.check not in HISTORY_CHECKS]
        self.failures.append({_key(each) for each in own})
        self.passed += not any(map(_breaks, own))
        for observation in own:
            self.first_failures.setdefault(_key(observation), (context, observation))
        interaction = context.interaction
        if interaction.first_byte is not None and interaction.success_outputs:
            self.first_byte.append(round(interaction.first_byte, 4))
            seconds = interaction.seconds + interaction.fetching
            self.output.append(round(seconds, 4))

    def other_failures(
        self, observations: Sequence[Observation]
    ) -> Iterator[tuple[CheckContext, Observation]]:
        """Yield the first failure of each check that is not among `observations`."""
        known = {_key(each) for each in observations}
        return (each for key, each in self.first_failures.items() if key not in known)

    def rate(self, observation: Observation) -> PassRate | None:
        """The requests that passed a check; None for one that compares requests."""
        if observation.check in HISTORY_CHECKS or not self.failures:
            return None
        failed = sum(_key(observation) in each for each in self.failures)
        return PassRate(len(self.failures) - failed, len(self.failures))

    def result(self) -> Repeats:
        """The result as the report has it."""
        rate = PassRate(self.passed, len(self.failures))
        return Repeats(rate, tuple(self.first_byte), tuple(self.output))


def _key(observation: Observation) -> _Key:
    return observation.kind, observation.check, observation.claim


def _breaks(observation: Observation) -> bool:
    """True if a documented claim fails."""
    is_documented = observation.evidence.basis is Basis.DOCUMENTED
    return is_documented and observation.kind is not FindingKind.UNDOCUMENTED


@dataclass(slots=True)
class Repeater:
    """
    Sends cases `times` times, and keeps what their checks saw.

    After `stopping` is set, no further request is sent.
    """

    examiner: Examiner
    sender: Sender
    times: int
    stopping: asyncio.Event
    _kept: dict[str, Repetitions] = field(default_factory=dict)

    async def send(self, case: Case, turn: asyncio.Event | None = None) -> Interaction:
        """
        The first response to a case, after its repetitions were sent.

        A request without a result, such as a rate-limited one, is not counted. The
        first response itself is examined later: `take` returns all others.
        """
        operation = self.examiner.provider.all_operations[case.operation]
        first = await self.sender.send(case, operation, turn)
        repetitions = self._kept[case.id] = Repetitions()
        for _ in range(self.times - 1):
            if self.stopping.is_set():
                break
            interaction = await self.sender.send(case, operation, turn)
            if not _has_result(first):
                first = interaction
            elif _has_result(interaction):
                self._examine(repetitions, interaction)
        return first

    def _examine(self, repetitions: Repetitions, interaction: Interaction) -> None:
        context = self.examiner.without_history().context(interaction)
        observations = list(self.examiner.observations(context))
        repetitions.add_cost(cost_of(self.examiner.provider, interaction))
        if all(each.check != CheckName.NOT_JUDGED for each in observations):
            repetitions.add(context, observations)

    def take(self, case: Case) -> Repetitions | None:
        """The repetitions of a case without its first request; None for none."""
        return self._kept.pop(case.id, None)


def _has_result(interaction: Interaction) -> bool:
    return not (interaction.is_rate_limited or interaction.is_unsent)


def with_rate(finding: Finding, rate: PassRate | None) -> Finding:
    """
    The finding with the pass rate of its check.

    It is a warning if some requests passed, unless the rate is wholly below one half.
    """
    if rate is None:
        return finding
    failed = rate.requests - rate.passed
    note = f"(in {failed} of {rate.requests} requests; pass rate {rate.percent})"
    return replace(
        finding,
        rate=rate,
        flaky=rate.verdict is not RateVerdict.FAILED,
        message=f"{finding.message} {note}",
    )
