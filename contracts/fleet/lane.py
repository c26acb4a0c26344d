"""Run one lane: all that a worker needs is the campaign, and its ledger."""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import specs
from contracts.errors import HarnessError
from contracts.execution.account import LaneAccount, open_account
from contracts.execution.budget import BudgetGuard
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.run import execute_campaign, start
from contracts.execution.sending.call_arguments import call_options, check_operations
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.target import Target
from contracts.execution.targets import LIVE_RATE, BadTarget, target_of
from contracts.fleet.campaign_file import CampaignFile, LaneTarget
from contracts.ledger.address import open_ledger
from contracts.ledger.base import Ledger
from contracts.ledger.errors import CampaignCancelled, LaneBusy, LaneDiffers
from contracts.planning.call_options import CallOptions
from contracts.planning.case import Case
from contracts.planning.request_model import PlanError

COMPLETE, CANCELLED = "complete", "interrupt"
UNTESTABLE = "could not run: "
"""The beginning of the result of a lane whose target could not be tested."""

_planning = threading.Lock()  # lanes that start together plan once


@dataclass(frozen=True, slots=True)
class LaneResult:
    """
    The result of a lane.

    `result` is `complete`, `budget`, `errors`, `interrupt`, or begins with
    `could not run: `.
    """

    name: str
    result: str


def run_lane(
    campaign: CampaignFile,
    name: str,
    on_wait: Callable[[LaneBusy], object] = lambda busy: None,
) -> LaneResult:
    """
    Run a lane until it has no question left; returns at once if it is complete.

    Waits while another worker has the lane. Raises `LedgerError` if the ledger does not
    respond, and if the lease was lost.
    """
    return asyncio.run(_run_lane(campaign, name, on_wait))


async def _run_lane(
    campaign: CampaignFile, name: str, on_wait: Callable[[LaneBusy], object]
) -> LaneResult:
    target = campaign.target(name)
    async with open_ledger(campaign.ledger, campaign.name) as ledger:
        known = (await ledger.status(name)).lanes.get(name)
        if known is not None and known.result == COMPLETE:
            return LaneResult(name, COMPLETE)
        try:
            lane = lane_campaign(campaign, target)
        except HarnessError as error:
            return LaneResult(name, f"{UNTESTABLE}{error}")
        try:
            account = await open_account(
                ledger,
                lane,
                name,
                version=version("imageparity"),
                budget=target.budget,
                shared_limit=target.account,
                on_wait=on_wait,
            )
            result = await _send(campaign, ledger, account)
        except CampaignCancelled:
            result = CANCELLED
        except LaneDiffers as error:
            remedy = "restore it, or start another campaign with --name NAME"
            result = f"{UNTESTABLE}{error}: {remedy}"
    return LaneResult(name, result)


async def _send(campaign: CampaignFile, ledger: Ledger, account: LaneAccount) -> str:
    run = start([account.campaign], version=version("imageparity"), seed=campaign.seed)
    guard = BudgetGuard(None, account)
    try:
        await execute_campaign(run, account.campaign, guard, lambda outcome: None)
    except (Unreachable, CouldNotRun) as error:
        result = f"{UNTESTABLE}{error}"
        await account.reopen()
    except CampaignCancelled:
        result = CANCELLED
    else:
        result = guard.stopped or ("budget" if guard.has_skipped else COMPLETE)
    await ledger.release(account.lease, result)
    return result


def lane_campaign(
    campaign: CampaignFile, target: LaneTarget, *, with_key: bool = True
) -> Campaign:
    """
    The cases for one target; one request is sent at a time, and none is repeated.

    Without `with_key` nothing is read from the environment, and nothing can be sent.
    Raises `HarnessError`, which names the target.
    """
    try:
        provider = load_provider(target.provider, campaign.folder)
        check_operations(campaign.operations, [provider])
        call = call_options(
            provider, headers=target.headers, auth=target.auth, models=target.models
        )
        server = Target(target.against, "", call=call)
        if with_key:
            _check_key(target.key_env or call.key_variable(provider), call)
            is_live = target.budget is not None
            server = target_of(
                provider,
                target.against,
                key_env=target.key_env,
                live=is_live,
                budget=target.budget,
                call=call,
            )
        made = Campaign(
            provider=provider,
            target=server,
            seed=campaign.seed,
            fuzz=campaign.generated,
            second_opinion=campaign.second_opinion,
            only=campaign.only,
            operations=campaign.operations,
            is_paid=True,
            rate=target.rate or (None if target.is_on_this_machine else LIVE_RATE),
            timeout=campaign.timeout,
            fetch_from=frozenset(target.fetch_from),
        )
        cases = _planned(made, repr((target.provider, campaign.folder, call)))
    except specs.SpecError as error:
        raise BadTarget(f"target {target.name}: {error}") from None
    except (BadTarget, PlanError) as error:
        raise BadTarget(f"target {target.name}: {error}") from None
    if not cases:
        raise BadTarget(
            f"target {target.name}: no case is selected; change `only` or `operations`"
        )
    vars(made)["cases"] = list(cases)  # the cached property
    return made


def _check_key(variable: str, call: CallOptions) -> None:
    """Raise `BadTarget` if a key is needed and its variable is not set."""
    if call.auth.place is not specs.KeyPlace.NONE and not os.environ.get(variable):
        raise BadTarget(
            f"{variable} is not set: set it to the API key, or name another variable "
            "in `key_env`"
        )


@cache
def load_provider(name: str, folder: str | None) -> specs.Provider:
    """A provider, loaded once. Raises `SpecError`."""
    return specs.load(name, *([folder] if folder else []))


_plans: dict[tuple[object, ...], list[Case]] = {}


def _planned(campaign: Campaign, call: str) -> list[Case]:
    """The cases of a campaign, planned once for all targets that are called alike."""
    key = (
        *(call, campaign.seed, campaign.fuzz, campaign.second_opinion),
        *(campaign.only, campaign.operations),
    )
    with _planning:
        if key not in _plans:
            _plans[key] = campaign.cases
        return _plans[key]
