"""All defects of tasks, each with the finding that it must lead to."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from faulty_servers.tasks.cases import (
    FAILED,
    Follow,
    conversation,
    loaded,
    single_requests,
)
from faulty_servers.tasks.defects import DAMAGES, Damage
from faulty_servers.tasks.relay import task_relay

from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.execution.tasks.waiting import MOCK_WAITING, Waiting
from contracts.planning.case import Case
from contracts.report.model import Finding, Report
from mockserver import Running
from mockserver.embedded.starter import serve_in_thread
from specs import Provider, Role

FILE = Path(__file__).with_name("expected.yaml")
CONVERSATIONS = {*Follow, FAILED}


@dataclass(frozen=True)
class TaskDefect:
    """
    A defect of tasks.

    `follow` is how the task is followed, or a part of the ids of single requests.
    """

    provider: str
    name: str
    check: str
    claim: str
    follow: str = Follow.TO_THE_END

    @property
    def id(self) -> str:
        return f"{self.provider}:{self.name}"

    @property
    def record_id(self) -> str:
        """Its id among all planted defects."""
        return f"tasks:{self.provider}:{self.operation}/{self.name}"

    @property
    def operation(self) -> str:
        """The operation that its finding is about."""
        return self.claim.partition("/")[0]

    @property
    def damage(self) -> Damage:
        found = DAMAGES[self.provider][self.name]
        return found if isinstance(found, Damage) else Damage(found)

    @property
    def cases(self) -> list[Case]:
        if self.follow in CONVERSATIONS:
            return [conversation(self.provider, self.follow)]
        return single_requests(self.provider, self.follow)

    def is_found_by(self, finding: Finding) -> bool:
        """True if a finding has the check and the claim of this defect."""
        claims = (finding.claim, *finding.claims)
        return finding.check == self.check and any(
            self.claim in each for each in claims
        )

    def report(self, base_url: str) -> Report:
        """The report of a server with this defect, on its cases."""
        provider = loaded(self.provider)
        heartbeat = (
            self.damage.heartbeat if self.name in DAMAGES[self.provider] else None
        )
        if heartbeat is not None:
            provider = with_heartbeat(provider, heartbeat)
        return report_on(self.provider, base_url, self.cases, provider=provider)

    @contextmanager
    def serving(self, mock: Running) -> Iterator[str]:
        """A relay with the defect in front of a mock; yields the base URL."""
        damage = self.damage
        app = task_relay(
            mock.url, loaded(self.provider), damage.change, damage.request or {}
        )
        with serve_in_thread(app) as (url, _):
            yield mock.base_urls[self.provider].replace(mock.url, url)


TASK_DEFECTS = tuple(
    TaskDefect(provider, name, *row)
    for provider, rows in yaml.safe_load(FILE.read_text()).items()
    for name, row in rows.items()
)


def with_heartbeat(provider: Provider, seconds: float) -> Provider:
    """A provider whose streams of events have another documented heartbeat."""
    operations = {
        id_: replace(each, task=replace(each.task, heartbeat=seconds))
        if each.task is not None and each.task.role is Role.EVENTS
        else each
        for id_, each in provider.all_operations.items()
    }
    return replace(provider, all_operations=operations)


def report_on(
    name: str,
    base_url: str,
    cases: list[Case],
    waiting: Waiting = MOCK_WAITING,
    provider: Provider | None = None,
) -> Report:
    """The report of a server that claims to be a provider, on some cases."""
    provider = provider or loaded(name)
    target = Target(base_url, "a-secret-key")
    campaign = Campaign(
        provider,
        target,
        selected_cases=cases,
        fuzz=False,
        preflight=False,
        task_waiting=waiting,
    )
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()
