"""Plan a run again from its report, and order and group its outcomes."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import specs
from contracts.execution.campaign import Campaign
from contracts.execution.order import in_order
from contracts.execution.sending.target import Target
from contracts.judging.causes.grouping import causes_of
from contracts.planning.call_options import Auth, CallOptions
from contracts.report.merge import CannotMerge, MergedTarget, Rebuild
from contracts.report.model import CallRecord, Outcome, RunMetadata
from contracts.report.records import SelectionRecord, TargetRecord


def campaign_of(
    record: TargetRecord, seed: int, provider: specs.Provider, key: str = ""
) -> Campaign:
    """A campaign with the cases that a report's target had; nothing is sent."""
    call, selection = record.call or CallRecord(), record.selection or SelectionRecord()
    documented, auth = CallOptions.documented(provider), Auth.parse(call.auth)
    if auth != documented.auth:
        documented = CallOptions.documented(provider, auth)
    options = replace(
        documented,
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
        ordered = in_order(campaign, by_case)
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
