"""Examine exchanges with a provider by its document, and price them."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from contracts.judging.checks import CheckContext, Observation, examine
from contracts.judging.guarantees.table import SHOWN_FIELDS, Answer
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import merge_external_failures
from contracts.media.guarantee import AnswerHistory
from contracts.media.registry import medium_of
from contracts.planning.case import Case
from contracts.planning.paths import sample_path
from contracts.report.model import CheckName, FindingKind
from specs import (
    Basis,
    Claim,
    Evidence,
    ModelsRole,
    Provider,
    claims,
    cost,
    listed_models,
)

if TYPE_CHECKING:
    from contracts.judging.second_opinion.merge import ExternalFailure
    from contracts.judging.second_opinion.opinion import SecondOpinion

MAX_OBSERVATIONS = 100  # of one exchange
MAX_MESSAGE_LENGTH = 1000  # characters
MAX_VALUE_LENGTH = 40  # characters

log = logging.getLogger(__name__)


@dataclass
class Examiner:
    """
    Examines exchanges with one provider by its document.

    `key` is what the requests were authorized with. `second_opinion` adds the failures
    that schemathesis reports. `history` holds the responses so far: some guarantees
    compare a response with an earlier one.
    """

    provider: Provider
    key: str = field(default="", repr=False)
    second_opinion: "SecondOpinion | None" = None
    history: AnswerHistory = field(default_factory=AnswerHistory)

    @cached_property
    def claims(self) -> Mapping[str, Claim]:
        """The claims of the document by id."""
        return {each.id: each for each in claims(self.provider)}

    def without_history(self) -> "Examiner":
        """The same examiner for a request that is repeated: nothing is compared."""
        fresh = replace(self, history=AnswerHistory(models=self.history.models))
        vars(fresh)["claims"] = self.claims
        return fresh

    def context(
        self, interaction: Interaction, *, key: str | None = None, now: float = 0.0
    ) -> CheckContext:
        """
        An interaction with all that its checks need.

        `key` and `now` (seconds since 1970) default to those of the examiner and of
        the interaction.
        """
        case = interaction.case
        operation = self.provider.all_operations[case.operation]
        if operation.models is not None and interaction.is_success:
            self._note_models(operation.models, interaction)
        request = canonical_payload(self.provider, case)
        answer = Answer(
            interaction=interaction,
            dialect=self.provider.dialect,
            request=request,
            media_type=case.media_type or "",
            key=self.key if key is None else key,
            now=now or interaction.at,
            history=self.history,
            errors=operation.errors,
            declared=self.history.models.get(str(request.get("model")), {}),
        )
        return CheckContext(answer, case, operation, self.claims, self._models)

    @cached_property
    def _models(self) -> tuple[str, ...]:
        return tuple(listed_models(self.provider))

    def _note_models(self, role: ModelsRole, interaction: Interaction) -> None:
        """Keep what the models of a list declare, for later requests that name them."""
        for name, model in role.models_in(interaction.value).items():
            self.history.models[name] = role.declared_by(model)

    def observations(
        self,
        context: CheckContext,
        failures: "Sequence[ExternalFailure] | None" = None,
    ) -> Iterator[Observation]:
        """
        Yield the distinct observations of our checks and of schemathesis.

        Our checks make at most `MAX_OBSERVATIONS`. Failures of schemathesis are ignored
        for responses that are cut off or exceed a limit; None for those of the second
        opinion.
        """
        second, interaction = self.second_opinion, context.interaction
        is_complete = interaction.problem is None and interaction.limit_error is None
        if failures is None:
            failures = second.failures_for(interaction) if second else []
        failures = failures if is_complete else []
        seen: set[tuple[str, ...]] = set()
        merged = merge_external_failures(context, _run_checks(context), failures)
        for observation in merged:
            key = (
                observation.kind,
                observation.check,
                observation.claim,
                observation.cause,
            )
            if key not in seen:
                seen.add(key)
                yield replace(
                    observation, message=observation.message[:MAX_MESSAGE_LENGTH]
                )


def canonical_payload(provider: Provider, case: Case) -> dict[str, Any]:
    """
    The request of a case in canonical names, with defaults; empty without a body.

    What its path says, such as the model, stands in for fields that the body lacks.
    """
    request = provider.canonical_request(case.operation, case.media_type, case.payload)
    return {**_path_fields(provider, case), **request} if request else request


def shown_fields(
    provider: Provider, case: Case, request: Mapping[str, Any]
) -> dict[str, str]:
    """
    The values, as text, of the sent fields that a response can show.

    `request` is the canonical request of the case. Long or unprintable values are
    left out.
    """
    sent = provider.dialect.with_canonical_names(case.operation, case.payload)
    values = {
        name: request.get(name) for name in SHOWN_FIELDS if sent.get(name) is not None
    }
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if isinstance(value, str | int | float)
    }
    return {
        name: text
        for name, text in texts.items()
        if len(text) <= MAX_VALUE_LENGTH and text.isprintable()
    }


def max_cost(provider: Provider, case: Case) -> float | None:
    """The price of a case with all its outputs; None if none is documented."""
    operation = provider.all_operations[case.operation]
    if operation.id not in provider.operations:
        return 0.0  # it reads what a creation has paid
    request, medium = canonical_payload(provider, case), medium_of(operation)
    count, dialect = medium.requested_count(request), provider.dialect
    return cost(
        dialect, case.operation, request, count=count, medium=medium.name
    ).amount


def cost_of(provider: Provider, interaction: Interaction) -> float | None:
    """
    The price of a response by the documented prices, in the provider's currency.

    0 for an error response, None if no price is documented or known. A task counts when
    it is created, with all that was requested.
    """
    dialect = provider.dialect
    is_free = not interaction.is_success
    is_free = is_free or interaction.case.operation not in provider.operations
    if not dialect.prices or is_free:
        return 0.0 if dialect.prices else None
    read = interaction.layout.usage.read
    usages = [each for each in map(read, interaction.objects) if each]
    case, medium = interaction.case, interaction.medium
    request, count = canonical_payload(provider, case), len(interaction.outputs)
    if not count and provider.all_operations[case.operation].task is not None:
        count = medium.requested_count(request)
    return cost(
        dialect,
        case.operation,
        request,
        count=max(1, count),
        usage=usages[0] if usages else None,
        medium=medium.name,
    ).amount


def _path_fields(provider: Provider, case: Case) -> dict[str, Any]:
    """Fields that the path of a case has, in canonical names, such as the model."""
    operation = provider.all_operations[case.operation]
    path = (case.path or sample_path(operation)).partition("?")[0]
    match = operation.path_pattern.fullmatch(path)
    values = map(unquote, match.groups()) if match else ()
    return provider.dialect.with_canonical_names(
        operation.id, dict(zip(operation.path_parameters, values, strict=False))
    )


def _run_checks(context: CheckContext) -> Iterator[Observation]:
    """Yield the observations of our checks; a check that raises yields one as well."""
    try:
        yield from islice(examine(context), MAX_OBSERVATIONS)
    except Exception as error:
        log.exception("the response to %s could not be checked", context.case.id)
        yield Observation(
            FindingKind.UNDOCUMENTED,
            CheckName.NOT_JUDGED,
            f"{context.operation.id}/path",
            Evidence(context.operation.evidence.source, Basis.ASSUMED),
            f"imageparity failed to check the response: {type(error).__name__}",
            "a response that can be checked",
            type(error).__name__,
        )
