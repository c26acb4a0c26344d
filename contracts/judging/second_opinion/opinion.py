"""The second opinion on a provider: what schemathesis asks, and how it judges."""

from functools import cached_property, lru_cache, partial

from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.generation import (
    Documents,
    GeneratedCase,
    generate_cases,
)
from contracts.judging.second_opinion.merge import ExternalFailure
from contracts.judging.second_opinion.verdicts import external_failures
from contracts.planning.case import Case, Origin
from contracts.planning.case_cache import cached_cases
from specs import Provider

JUDGED_ORIGINS = {Origin.AUTH, Origin.STREAM, Origin.EXAMPLE}


@lru_cache(maxsize=16)
def second_opinion(provider: Provider, seed: int = 0) -> "SecondOpinion":
    """The second opinion on a provider; its cases are generated once per seed."""
    return SecondOpinion(provider, seed=seed)


class SecondOpinion:
    """The cases that schemathesis generates for a provider, and its failures."""

    def __init__(self, provider: Provider, *, seed: int = 0) -> None:
        self._provider = provider
        self._seed = seed
        self._documents = Documents(provider, seed)

    @property
    def cases(self) -> list[Case]:
        """The generated cases; the same for the same document and seed."""
        return [each.case for each in self._generated_cases.values()]

    def failures_for(self, interaction: Interaction) -> list[ExternalFailure]:
        """
        Check the response to a generated case, or to a case of `JUDGED_ORIGINS`.

        Empty for other cases, and if there is no response. For a planned case, or a
        generated one that was shrunk, schemathesis sees the response without the
        request that it would have generated.
        """
        case = interaction.case
        generated = self._generated_cases.get(case.id)
        is_judged = generated is not None or case.origin in JUDGED_ORIGINS
        if interaction.status is None or not is_judged:
            return []
        operation = self._provider.all_operations[case.operation]
        if not operation.creates:
            return []  # the generated document has no other operations
        if generated is None or generated.case.payload != case.payload:
            external_case = self._documents.operation(operation, with_rules=True).Case()
        else:
            external_case = generated.external_case(
                self._documents.operation(operation, with_rules=generated.has_rules)
            )
        return list(external_failures(external_case, interaction, operation))

    @cached_property
    def _generated_cases(self) -> dict[str, GeneratedCase]:
        """The generated cases by id, read from disk if they were generated before."""
        found = cached_cases(
            partial(generate_cases, self._provider, seed=self._seed),
            "schemathesis",
            self._provider,
            self._seed,
            classes=[GeneratedCase],
        )
        return {each.case.id: each for each in found}
