"""The harness is as good as the lies it sees through."""

import asyncio
import contextlib
import functools

import pytest
from miniatures import MINIATURES, Miniature, relay

import specs
from contracts.campaign import Campaign, begin, conduct
from contracts.cases import Case
from contracts.planner import plan
from contracts.report import Finding, Outcome, Report
from contracts.sender import Target
from mockserver.embedding import served


class Seen(Exception):
    """What was looked for has been seen; the rest of the run can be spared."""


@functools.cache
def planned(name: str) -> tuple[specs.Provider, list[Case]]:
    """A provider and the questions to it, which are the same for every server."""
    provider = specs.load(name)
    return provider, plan(provider)


def asked_of(
    name: str, base_url: str, *, until=lambda finding: False, **options
) -> Report:
    """The report of a server that claims to be a provider, until something is seen."""
    provider, questions = planned(name)
    target = Target(base_url, "a-secret-key")
    campaign = Campaign(provider, target, questions=questions, **options)
    run = begin([campaign], version="0", seed=0)

    def watch(outcome: Outcome) -> None:
        if any(until(finding) for finding in outcome.findings):
            raise Seen

    with contextlib.suppress(Seen):
        asyncio.run(conduct(run, progress=watch))
    return run.report()


@pytest.mark.parametrize("miniature", MINIATURES, ids=lambda each: each.name)
def test_a_lie_is_found_by_the_check_meant_for_it(mock, miniature: Miniature):
    app = relay(mock.url, request=miniature.request, answer=miniature.answer)

    def is_meant(finding: Finding) -> bool:
        return (finding.kind, finding.check) == (miniature.kind, miniature.check)

    with served(app) as (url, _):
        report = asked_of(
            miniature.provider,
            mock.base_urls[miniature.provider].replace(mock.url, url),
            until=is_meant,
            fuzz=False,
            only=miniature.only,
        )

    assert any(is_meant(finding) for finding in report.findings)


def test_there_are_lies_enough():
    assert len({each.name for each in MINIATURES}) >= 20


@pytest.mark.parametrize("name", ["tokenhub", "llmapi"])
def test_a_relay_that_tells_no_lie_is_not_accused(mock, name: str):
    with served(relay(mock.url)) as (url, _):
        base_url = mock.base_urls[name].replace(mock.url, url)
        report = asked_of(name, base_url, fuzz=False)

    assert not report.broken
