"""Asking a server that claims to be a provider, until something is seen."""

import asyncio
import contextlib
import functools

import specs
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.media.registry import image_operations, usual_image_operations
from contracts.planning.call_options import CallOptions
from contracts.planning.case import Case
from contracts.planning.models import model_operations
from contracts.planning.plan import plan
from contracts.report.model import Outcome, Report


class Seen(Exception):
    """Raised when the finding was seen, so that the rest of the run can be left out."""


@functools.cache
def planned_cases(name: str) -> tuple[specs.Provider, list[Case]]:
    """
    A provider and the questions to it, which are the same for every server.

    Those about tasks are left out: they have faulty servers of their own.
    """
    provider = specs.load(name)
    tasks = {each.id for each in provider.all_operations.values() if each.task}
    return provider, [each for each in plan(provider) if each.operation not in tasks]


def run_against(
    name: str,
    base_url: str,
    *,
    until=lambda finding: False,
    with_models: bool = False,
    is_mock: bool = False,
    **options,
) -> Report:
    """
    The report of a server that claims to be a provider, until something is seen.

    It is asked for its models only `with_models`: the test servers have no list. They
    have only the usual operations with images; `is_mock` is a server with all of them.
    """
    provider, questions = planned_cases(name)
    call = CallOptions.documented(provider)
    target = Target(base_url, "a-secret-key", call=call)
    images = image_operations if is_mock else usual_image_operations
    operations = tuple(images(provider))
    if with_models:
        operations += tuple(each.id for each in model_operations(provider))
    campaign = Campaign(
        provider, target, selected_cases=questions, operations=operations, **options
    )
    run = start([campaign], version="0", seed=0)

    def watch(outcome: Outcome) -> None:
        if any(until(finding) for finding in outcome.findings):
            raise Seen

    with contextlib.suppress(Seen):
        asyncio.run(execute(run, progress=watch))
    return run.report()
