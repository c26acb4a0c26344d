"""The observations of a conversation: of each exchange, and of all together."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from contracts.judging.checks import CheckContext, Observation
from contracts.judging.examiner import Examiner
from contracts.judging.tasks.breach import TaskBreach
from contracts.judging.tasks.conversation import Conversation, Purpose, Step
from contracts.judging.tasks.guarantees import TASK_GUARANTEES
from contracts.report.model import CheckName, FindingKind
from specs import Basis, Claim, Role

_OWN_CLAIMS = (Role.LIST, Role.CANCEL, Role.CONTENT, Role.EVENTS)
_OF_STATE = {"task-moves-forward"}
_BY_STATE = {"task-result-with-success", "task-result-stays", "task-failure-says-why"}
_MAY_BE_REFUSED = (Role.CANCEL, Role.CONTENT)


def conversation_observations(
    examiner: Examiner, talk: Conversation
) -> Iterator[tuple[CheckContext, Observation]]:
    """
    Yield the observations of a conversation, each with the exchange that shows it.

    What a request to cancel does, and what is left then, is decided by the states of
    the task: these exchanges are examined by the checks of the conversation alone.
    """
    plain = replace(examiner, second_opinion=None)
    vars(plain)["claims"] = examiner.claims
    breaches = [
        (name, breach)
        for name, check in TASK_GUARANTEES.items()
        for breach in check(talk)
    ]
    wrong = _first_wrong_state(talk, breaches)
    for name, breach in breaches:
        is_late = wrong is not None and breach.step.interaction.at >= wrong
        if name in _BY_STATE and is_late:
            continue
        claim = _claim(examiner, talk, breach)
        if claim is not None:
            context = plain.context(breach.step.interaction)
            yield context, _observation(name, breach, claim)
    for step in talk.steps:
        if not _is_examined(step):
            continue
        context = plain.context(step.interaction)
        for observation in plain.observations(context):
            is_state = observation.check == CheckName.SCHEMA and step.role is Role.READ
            if is_state and wrong is not None and step.interaction.at >= wrong:
                continue
            if step is talk.created and _is_about_the_rest(talk, observation):
                continue
            yield context, observation


def _first_wrong_state(
    talk: Conversation, breaches: Iterable[tuple[str, TaskBreach]]
) -> float | None:
    """
    The time of the first illegal state.

    What else is in that response and in later ones is judged by that state: the rest
    would be the same finding in other words.
    """
    times = [
        breach.step.interaction.at for name, breach in breaches if name in _OF_STATE
    ]
    return min(times, default=None)


def _is_about_the_rest(talk: Conversation, observation: Observation) -> bool:
    """True for what else a response lacks that describes no task at all."""
    if talk.id is not None or observation.check == CheckName.STATUS:
        return False
    member = talk.kind.id.place.at.rpartition("/")[2]
    return f"/{member}/" not in f"{observation.claim}/"


def _is_examined(step: Step) -> bool:
    interaction = step.interaction
    if interaction.is_rate_limited or interaction.is_unsent:
        return False
    if step.role is Role.EVENTS:
        return False  # it has no end: it was left
    may_fail = step.role in _MAY_BE_REFUSED or step.purpose is Purpose.AFTER_CANCEL
    return interaction.is_success or not may_fail


def _claim(examiner: Examiner, talk: Conversation, breach: TaskBreach) -> Claim | None:
    """The claim of a breach; None if the document does not make it."""
    claims = examiner.claims
    step, end = breach.step, breach.claim
    end = end if end.startswith("/") else f"/task/{end}"
    names = [step.operation.id]
    if step.role not in _OWN_CLAIMS:
        reads = examiner.provider.operations_on(talk.kind.name, Role.READ)
        names = [each.operation.id for each in talk.steps if each.role is Role.READ]
        names = names or [each.id for each in reads]
    return next(
        (claims[id_] for name in names if (id_ := f"{name}{end}") in claims),
        None,
    )


def _observation(name: str, breach: TaskBreach, claim: Claim) -> Observation:
    evidence = claim.evidence
    if breach.is_assumed:
        evidence = replace(evidence, basis=Basis.ASSUMED)
    kind = FindingKind.WRONG_RESPONSE
    if breach.claim.startswith("/"):
        kind = FindingKind.ACCEPTS_INVALID
    return Observation(
        kind,
        name,
        claim.id,
        evidence,
        breach.message,
        claim.sentence,
    )
