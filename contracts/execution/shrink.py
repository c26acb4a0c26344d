"""
Repeat the request of a finding, and remove the fields that are not needed for it.

Each field is removed once, and stays removed if the observation is still made. This
takes one request per field.
"""

from dataclasses import dataclass, field, replace

from contracts.execution.campaign import Campaign
from contracts.execution.sending.client import Sender
from contracts.judging.checks import CheckContext, Observation
from contracts.judging.examiner import Examiner
from contracts.judging.guarantees.table import HISTORY_CHECKS
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case
from contracts.planning.request_model import RequestModel, request_models
from specs import State

REPRODUCTION_ATTEMPTS = 2
MAX_FIELDS = 24
MAX_SHRUNK_FINDINGS = 10  # of one exchange


@dataclass(slots=True)
class Reproducer:
    """
    Repeats the request of one exchange; its findings share the repetitions.

    `exchanges` are those of smaller requests, with what was observed in each.
    """

    examiner: Examiner
    context: CheckContext
    sender: Sender
    attempts: list[list[Observation]] = field(default_factory=list)
    shrink_count: int = 0
    exchanges: list[tuple[CheckContext, list[Observation]]] = field(
        default_factory=list
    )

    async def reproduces(self, observation: Observation) -> bool:
        """True if the same request leads to the same observation again."""
        for attempt in range(REPRODUCTION_ATTEMPTS):
            if attempt == len(self.attempts):
                self.attempts.append(await self._observations(self.context.case))
            observations = self.attempts[attempt]
            if any(same_observation(each, observation) for each in observations):
                return True
        return False

    async def shrink(self, observation: Observation) -> CheckContext | None:
        """
        The exchange of a smaller request with the same observation.

        None if there is none, or after `MAX_SHRUNK_FINDINGS` calls.
        """
        self.shrink_count += 1
        if self.shrink_count > MAX_SHRUNK_FINDINGS:
            return None
        case, smallest = self.context.case, None
        models = request_models(self.examiner.provider)
        model = models.get((case.operation, case.media_type or ""))
        if model is None:
            return None
        extra = [name for name in case.payload if name not in model.minimal_request]
        if len(extra) < 2:
            return None
        for name in extra[:MAX_FIELDS]:
            payload = {key: value for key, value in case.payload.items() if key != name}
            candidate = _with_payload(case, payload, model)
            if candidate is None:
                continue
            context = await self._send(candidate)
            observations = list(self.examiner.observations(context))
            self.exchanges.append((context, observations))
            if any(same_observation(each, observation) for each in observations):
                case, smallest = candidate, context
        return smallest

    async def _send(self, case: Case) -> CheckContext:
        interaction = await self.sender.send(case, self.context.operation)
        return self.examiner.without_history().context(interaction)

    async def _observations(self, case: Case) -> list[Observation]:
        return list(self.examiner.observations(await self._send(case)))


def _with_payload(
    case: Case, payload: dict[str, object], model: RequestModel
) -> Case | None:
    """The case with a smaller payload; None if its classification changes."""
    verdict = model.judge(payload)
    if verdict.state is not case.expectation:
        return None
    if verdict.state is State.INVALID and case.expected_error is not None:
        violations = verdict.documented_violations
        claims = {f"{model.name}/{each.claim}" for each in violations}
        if case.expected_error.claim not in claims:
            return None
    return replace(case, payload=payload)


def may_repeat(campaign: Campaign, check: str, interaction: Interaction) -> bool:
    """True if a request is free and fast, and repeating it could show the same."""
    has_timed_out = (
        interaction.problem is not None and interaction.seconds >= campaign.timeout
    )
    return not (
        campaign.is_paid
        or check in HISTORY_CHECKS
        or interaction.status == 429
        or has_timed_out
    )


def same_observation(one: Observation, other: Observation) -> bool:
    """True if kind, check and claim are the same; causes may differ."""
    return (one.kind, one.check, one.claim) == (other.kind, other.check, other.claim)
