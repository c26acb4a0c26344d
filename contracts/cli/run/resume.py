"""`run --resume`: continue a run that stopped before its end."""

from collections.abc import Sequence
from importlib.metadata import version

from contracts.execution.campaign import Campaign
from contracts.report.model import BadReport, CallRecord, Report
from contracts.report.records import changed_options, option_text
from mockserver.cli.common import UsageError


def resume_campaigns(
    campaigns: Sequence[Campaign], path: str, *, seed: int
) -> list[Campaign]:
    """
    The campaigns without the cases that a report already has.

    Raises `UsageError` for the report of a completed run or of a different one.
    """
    try:
        earlier = Report.read(path)
    except BadReport as error:
        raise UsageError(str(error)) from None
    if earlier.stopped is None:
        raise UsageError(f"--resume {path}: that run is complete")
    difference = _difference(earlier, campaigns, seed)
    if difference:
        raise UsageError(
            f"--resume {path} was a run with {difference}: it cannot continue here"
        )
    return [
        each.resume_from(
            {row.case: row for row in earlier.for_provider(each.provider.id).outcomes}
        )
        for each in campaigns
    ]


def _difference(earlier: Report, campaigns: Sequence[Campaign], seed: int) -> str:
    """The first thing in which the earlier run was another one; empty for none."""
    metadata = earlier.metadata
    if metadata.version != version("imageparity"):
        return f"version {metadata.version}"
    if metadata.seed != seed:
        return f"--seed {metadata.seed}"
    targets = {each.provider: each for each in metadata.targets}
    for campaign in campaigns:
        target = targets.get(campaign.provider.id)
        if target is None or target.document != campaign.provider.version:
            return f"another document of {campaign.provider.title}"
        if not target.is_mock and target.base_url != campaign.target.base_url:
            return target.base_url
        if difference := _call_difference(target.call, campaign.call_record):
            return difference
        if campaign.repeat != metadata.repeat:
            return f"--repeat {metadata.repeat}"
    return ""


def _call_difference(earlier: CallRecord | None, current: CallRecord) -> str:
    """The first option of the earlier call that is another one now; empty for none."""
    if earlier is None:
        return ""
    changed = changed_options(earlier.options, current.options)
    return option_text(earlier.options, changed[0]) if changed else ""
