"""Plan a run again from its report, and order and group its outcomes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import specs
from contracts.execution.campaign import Campaign
from contracts.execution.sending.target import Target
from contracts.judging.causes.grouping import causes_of
from contracts.planning.call_options import Auth, CallOptions
from contracts.planning.preflight import preflight_cases
from contracts.report.merge import CannotMerge, MergedTarget, Rebuild
from contracts.report.model import CallRecord, CheckName, Outcome, RunMetadata
from contracts.report.records import SelectionRecord, TargetRecord


def campaign_of(
    record: TargetRecord, seed: int, provider: specs.Provider, key: str = ""
) -> Campaign:
    """A campaign with the cases that a report's target had; nothing is sent."""
    call, selection = record.call or CallRecord(), record.selection or SelectionRecord()
    options = replace(
        CallOptions.documented(provider),
        auth=Auth.parse(call.auth),
        models=call.models,
        headers=dict.fromkeys(call.headers, ""),
    )
    return Campaign(
        provider=provider,
        target=Target(record.base_url, key, is_mock=record.is_mock, call=options),
        seed=seed,
        fuzz=selection.fuzz,
        second_opinion=selection.second_opinion,
        only=selection.only,
        operations=call.operations,
        is_paid=selection.is_paid,
    )


def rebuild_with(folders: Sequence[str | Path] = ()) -> Rebuild:
    """A function that rebuilds targets; `folders` have further providers."""

    def rebuild(
        metadata: RunMetadata, record: TargetRecord, outcomes: Sequence[Outcome]
    ) -> MergedTarget:
        """Raises `CannotMerge` if the same cases cannot be planned here."""
        provider = _provider(metadata, record, folders)
        campaign = campaign_of(record, metadata.seed, provider)
        cases = {each.id: each for each in campaign.cases}
        by_case = {each.case: each for each in outcomes}
        if unknown := [each for each in by_case if each not in cases]:
            raise CannotMerge(
                f"{record.provider}: the case {unknown[0]} followed from a response or "
                "from an earlier run, so the reports with parts of this target cannot "
                "be merged"
            )
        ordered = [by_case[each] for each in _order(campaign, by_case)]
        answered = {
            each.case
            for each in ordered
            if each.status is not None and each.reason_not_tested is None
        }
        claims = campaign.target_record(answered).claims
        causes = causes_of(provider, cases, ordered)
        return MergedTarget(replace(record, claims=claims), ordered, causes)

    return rebuild


def _provider(
    metadata: RunMetadata, record: TargetRecord, folders: Sequence[str | Path]
) -> specs.Provider:
    here = version("imageparity")
    if metadata.version != here:
        raise CannotMerge(
            f"the reports are of version {metadata.version}, and this is {here}: merge "
            "parts of one target with the version that wrote them"
        )
    provider = specs.load(record.provider, *folders)
    if record.document_sha256 != provider.sha256:
        raise CannotMerge(
            f"the document of {record.provider} is not the one of the reports: give "
            "the folder of that document with --specs"
        )
    return provider


def _order(campaign: Campaign, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the cases with an outcome, in the order in which a run sends them."""
    first = dict.fromkeys(_preflight(campaign, outcomes))
    order = dict.fromkeys([*first, *(each.id for each in campaign.cases)])
    yield from (each for each in order if each in outcomes)


def _preflight(campaign: Campaign, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the plain cases, then the alternatives until one was accepted."""
    planned = preflight_cases(campaign.provider, campaign.cases)
    accepted: set[str] = set()
    for operation, cases in planned.items():
        yield from (each.id for each in cases.plain)
        if any(_is_accepted(outcomes.get(each.id)) for each in cases.plain):
            accepted.add(operation)
    for operation, cases in planned.items():
        for case in cases.alternatives:
            if operation in accepted:
                break
            yield case.id
            if _is_accepted(outcomes.get(case.id)):
                accepted.add(operation)


def _is_accepted(outcome: Outcome | None) -> bool:
    if outcome is None or outcome.status is None:
        return False
    is_complete = all(each.check != CheckName.ANSWERS for each in outcome.findings)
    return 200 <= outcome.status < 300 and is_complete
