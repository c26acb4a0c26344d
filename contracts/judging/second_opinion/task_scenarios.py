"""
Scenarios about tasks that the stateful phase of schemathesis makes from the links.

schemathesis chooses the steps, and checks each response; it sends nothing itself.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import ExternalFailure
from contracts.judging.second_opinion.task_document import (
    linked_operations,
    task_document,
)
from contracts.judging.second_opinion.verdicts import (
    all_checks,
    scenario_failures,
    to_schemathesis_response,
)
from contracts.planning.case import Case, ExpectedError, Origin
from specs import JSON, Operation, Provider, Role, State

MAX_SCENARIOS = 4
MAX_STEPS = 6  # of a scenario
_RESPONSE_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
_AVAILABLE, _FREED = "ensure_resource_availability", "use_after_free"

log = logging.getLogger(__name__)
Send = Callable[[Case], Interaction]


class ScenariosStopped(Exception):
    """No more requests may be sent."""


@dataclass(frozen=True)
class ScenarioStep:
    """A response to a step, and what schemathesis says about it."""

    interaction: Interaction
    failures: Sequence[ExternalFailure]


def run_scenarios(
    provider: Provider, seed: int, send: Send, unserved: Collection[str] = ()
) -> list[ScenarioStep]:
    """
    Run at most `MAX_SCENARIOS` scenarios; the same for the same seed and responses.

    `send` sends a case, and blocks; `ScenariosStopped` from it ends the scenarios.
    Empty for a document without links, apart from those of `unserved` operations.
    """
    document = task_document(provider, unserved)
    if document is None:
        return []
    import hypothesis
    from schemathesis import Config, openapi
    from schemathesis.generation.stateful import run_state_machine_as_test

    generation = {"mode": "positive", "with-security-parameters": False}
    # Only the links of the document: schemathesis would infer others from names.
    phases: dict[str, Any] = {"stateful": {"inference": {"algorithms": []}}}
    settings = {"seed": seed, "generation": generation, "phases": phases}
    config = Config.from_dict(settings)
    scenarios = _Scenarios(provider, send)
    schema = openapi.from_dict(document, config=config)
    machine = _machine(schema.as_state_machine(), scenarios)
    limits = hypothesis.settings(
        max_examples=MAX_SCENARIOS,
        stateful_step_count=MAX_STEPS,
        phases=[hypothesis.Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=limits)
    except ScenariosStopped:
        log.info("the scenarios of schemathesis were stopped")
    except hypothesis.errors.HypothesisException:
        # Responses decide what steps follow, so that one run is unlike another.
        log.info("schemathesis ended its scenarios early", exc_info=True)
    return scenarios.steps


def _machine(base: type[Any], scenarios: "_Scenarios") -> type[Any]:
    """A state machine that sends by our client, and never raises a failure."""

    class Machine(base):  # type: ignore[misc]
        def setup(self) -> None:
            scenarios.begin()

        def call(self, case: Any, **_: Any) -> Any:
            return scenarios.call(case)

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            scenarios.validate(case, response, self.recorder)

    return Machine


@dataclass
class _Scenarios:
    """
    The steps of all scenarios.

    `ids` are the kinds and ids of the tasks of the current one, `ended` those of them
    that were cancelled or deleted.
    """

    provider: Provider
    send: Send
    steps: list[ScenarioStep] = field(default_factory=list)
    ids: set[tuple[str, str]] = field(default_factory=set)
    ended: set[tuple[str, str]] = field(default_factory=set)
    last: tuple[Operation, Interaction] | None = None

    def begin(self) -> None:
        self.ids, self.ended = set(), set()

    def call(self, external_case: Any) -> Any:
        operation = self._operation(external_case)
        case = self._case(operation, external_case)
        interaction = self.send(case)
        self._note(operation, external_case, interaction)
        self.last = operation, interaction
        return to_schemathesis_response(interaction, operation)

    def validate(self, external_case: Any, response: Any, recorder: Any) -> None:
        if self.last is None:
            return
        _, interaction = self.last
        names = list(_RESPONSE_CHECKS)
        if interaction.case.expectation is not State.UNSPECIFIED:
            names += [_AVAILABLE, _FREED]
        checks = [each for name, each in all_checks().items() if name in names]
        failures = scenario_failures(external_case, response, checks, recorder)
        self.steps.append(ScenarioStep(interaction, tuple(failures)))

    def _operation(self, external_case: Any) -> Operation:
        wanted = external_case.method.upper(), external_case.path
        return next(
            each
            for each in linked_operations(self.provider)
            if (each.method, each.path) == wanted
        )

    def _case(self, operation: Operation, external_case: Any) -> Case:
        has_body = bool(operation.bodies)
        expectation, error = self._expectation(operation, external_case)
        return Case(
            id=f"{operation.id}/{Origin.SCHEMATHESIS}/link-{len(self.steps) + 1}",
            operation=operation.id,
            origin=Origin.SCHEMATHESIS,
            expectation=expectation,
            media_type=JSON if has_body else None,
            payload=external_case.body if has_body else {},
            claims=(f"{operation.id}/path",),
            expected_error=error,
            path=external_case.formatted_path,
        )

    def _expectation(
        self, operation: Operation, external_case: Any
    ) -> tuple[State, ExpectedError | None]:
        """
        The state of a request: reads of a task are valid until it was deleted.

        What cancelling does, and when a result is there, is left to our own checks.
        """
        role = operation.task
        if role is None or role.role in {Role.CREATE, Role.LIST}:
            return State.VALID, None
        id_ = role.kind, _id_of(external_case)
        if role.role is not Role.READ or id_ not in self.ids:
            return State.UNSPECIFIED, None
        if id_ not in self.ended:
            return State.VALID, None
        if any(each.task and each.task.cancels for each in self._cancels(role.kind)):
            return State.UNSPECIFIED, None  # a cancelled task can still be read
        claim = f"{operation.id}/errors/{role.unknown}"
        return State.INVALID, ExpectedError(claim, role.unknown)

    def _cancels(self, kind: str) -> Sequence[Operation]:
        return self.provider.operations_on(kind, Role.CANCEL)

    def _note(
        self, operation: Operation, external_case: Any, interaction: Interaction
    ) -> None:
        role = operation.task
        if role is None or not interaction.is_success:
            return
        if role.role is Role.CREATE:
            value = self.provider.tasks[role.kind].id.place.value(interaction.object)
            self.ids |= {(role.kind, value)} if isinstance(value, str) else set()
        elif role.role is Role.CANCEL:
            self.ended.add((role.kind, _id_of(external_case)))


def _id_of(external_case: Any) -> str:
    """The last value in the path of a request."""
    values = list((external_case.path_parameters or {}).values())
    return str(values[-1]) if values else ""
