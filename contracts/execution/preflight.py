"""Decide after the first responses which operations a server serves."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.order import is_accepted
from contracts.execution.sending.client import Sender
from contracts.judging.findings import redact
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import body_excerpt
from contracts.planning.case import Case, Origin
from contracts.planning.preflight import preflight_cases
from contracts.report.model import DEPENDS_ON, NOT_SENT, OUTCOME_LOST, Outcome
from contracts.text import one_line

_NOT_FOUND = {404, 405, 501}


@dataclass(slots=True)
class Preflight:
    """
    The state of the first requests of a campaign.

    An operation is served if a valid request got a success response that is no HTML
    page. `first` has the first response of each operation, and `first_cases` its case,
    also that of an earlier run. `unknown` is the first response to any case by which
    the server does not know the URL; `is_known` is True after any other response.
    """

    campaign: Campaign
    served: set[str] = field(default_factory=set)
    first: dict[str, Interaction] = field(default_factory=dict)
    first_cases: dict[str, str] = field(default_factory=dict)
    unknown: Interaction | None = None
    is_known: bool = False

    def cases(self) -> Iterator[Case]:
        """
        Yield the cases to send; whether an alternative comes depends on `add`.

        The alternatives of an operation follow if it accepts no plain request.
        """
        campaign = self.campaign
        planned = preflight_cases(campaign.provider, campaign.cases)
        for cases in planned.values():
            yield from (each for each in cases.plain if not self._is_done(each))
        for operation, cases in planned.items():
            for case in cases.alternatives:
                if operation not in self.served and not self._is_done(case):
                    yield case

    def _is_done(self, case: Case) -> bool:
        """True for a case of an earlier run, of which the outcome is noted."""
        outcome = self.campaign.done.get(case.id)
        if outcome is None:
            return False
        if is_accepted(outcome):
            self.served.add(case.operation)
        elif outcome.not_tested != OUTCOME_LOST:
            self.first_cases.setdefault(case.operation, case.id)
        return True

    def add(self, interaction: Interaction) -> None:
        """Note the response to a preflight case."""
        operation = interaction.case.operation
        self.note(interaction)
        self.first.setdefault(operation, interaction)
        self.first_cases.setdefault(operation, interaction.case.id)
        if is_served(interaction):
            self.served.add(operation)

    def has_served(self, case: Case) -> bool:
        """True if the operation of a case has accepted a request."""
        return case.operation in self.served

    @property
    def unserved(self) -> set[str]:
        """The operations that accepted none of the first requests."""
        return set(self.first_cases) - self.served

    def reason_not_to_send(self, case: Case) -> str | None:
        """The reason why a case is not sent; None if it must be sent."""
        if reason := self.campaign.target.call.reason_not_tested(case):
            return reason
        if case.operation in self.served or case.operation not in self.first_cases:
            return None
        return f"{DEPENDS_ON} {self.first_cases[case.operation]}"

    def note(self, interaction: Interaction) -> None:
        """Note whether the response to any case shows that the URL is known."""
        case, status = interaction.case, interaction.status
        if self.campaign.provider.all_operations[case.operation].models is not None:
            return  # a list of models may be at another address than the operations
        # Another path or method, or a model that does not exist: 404 may be right.
        is_ambiguous = case.origin is Origin.TRANSPORT or any(
            "/model/" in claim for claim in case.claims
        )
        if status is None or (is_ambiguous and status in _NOT_FOUND):
            return
        errors = self.campaign.provider.all_operations[case.operation].errors
        expected = (
            errors.get(case.expected_error.error) if case.expected_error else None
        )
        if status in _NOT_FOUND and (expected is None or status != expected.status):
            self.unknown = self.unknown or interaction
        else:
            self.is_known = True

    async def check_known(self) -> None:
        """Raise `CouldNotRun` if the server does not know the URL of any request."""
        if self.unknown is not None and not self.is_known:
            raise CouldNotRun(await self._problem(self.unknown, "no request arrives"))

    async def check(self) -> None:
        """Raise `CouldNotRun` if the server serves none of the operations."""
        operations = self.campaign.provider.operations
        first = {name: each for name, each in self.first.items() if name in operations}
        if self.served & operations.keys() or not first:
            return
        interaction = next(iter(first.values()))
        raise CouldNotRun(
            await self._problem(interaction, "no plain valid request is accepted")
        )

    async def _problem(self, interaction: Interaction, problem: str) -> str:
        """The message: the problem, the response that came, and what to check."""
        operation = self.campaign.provider.all_operations[interaction.case.operation]
        url = self.campaign.target.url(interaction.case, operation)
        came = interaction.problem or (
            f"status {interaction.status}, "
            f"{interaction.content_type or 'no content type'}: "
            f"{body_excerpt(interaction)}"
        )
        return (
            f"{problem}: {operation.method} {url} answers "
            f"{one_line(redact(came, *self.campaign.target.secrets))}. "
            f"{await self._hint(interaction)}"
        )

    async def _hint(self, interaction: Interaction) -> str:
        dialect = self.campaign.provider.dialect
        status = interaction.status
        if status in {401, 403}:
            call = self.campaign.target.call
            return f"Check the API key in {call.key_remedy(self.campaign.provider)}"
        if status == 429:
            return "The server limits the rate: send fewer requests with --rate"
        if interaction.content_type == "text/html":
            hint = "This is an HTML page, not an API: check the base URL, and proxies"
        elif interaction.object and "model" in body_excerpt(interaction).lower():
            models = self.campaign.target.call.models
            model = models.get(dialect.model, dialect.model)
            return f"Check that the server knows the model '{model}' (see --model)"
        elif status in _NOT_FOUND:
            hint = "Check the base URL"
        else:
            return "Check the server: any valid request fails"
        other = await self._other_base_url(interaction.case)
        return f"{hint}; {other} answers API requests" if other else hint

    async def _other_base_url(self, case: Case) -> str | None:
        """A usual base URL at which the server has an API; asked without a key."""
        target = self.campaign.target
        parts = urlsplit(target.base_url)
        operation = self.campaign.provider.all_operations[case.operation]
        path = parts.path.rstrip("/")
        # The base paths of all documented providers: a gateway has one of them.
        documented = {each.base_path for each in specs.load_all(())}
        usual = {self.campaign.provider.base_path, path.rpartition("/")[0], *documented}
        usual |= {f"{path}{each}" for each in documented}
        for candidate in sorted(usual - {path}):
            base = parts._replace(path=candidate, fragment="").geturl()
            probe = replace(case, auth=None, path=None)
            async with Sender(replace(target, base_url=base)) as sender:
                found = await sender.send(probe, operation)
            if found.status not in {None, *_NOT_FOUND} and found.object is not None:
                return base
        return None


def is_served(interaction: Interaction) -> bool:
    """True for a complete success response that is no HTML page and no refusal."""
    is_page = interaction.content_type == "text/html"
    is_complete = interaction.is_success and interaction.problem is None
    return is_complete and not is_page and not interaction.is_refused


def was_not_sent(outcome: Outcome) -> bool:
    """True for a case that was not sent for a reason of its own or its operation."""
    return (outcome.not_tested or "").startswith(NOT_SENT)
