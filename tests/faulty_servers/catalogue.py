"""All planted defects, with the finding expected of each."""

import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from faulty_servers.defects import with_defect
from faulty_servers.minimal import serving
from faulty_servers.relay_faults import RelayFault
from faulty_servers.relays import RELAY_FAULTS
from faulty_servers.tasks.catalogue import TASK_DEFECTS
from support.relays import relay

from contracts.report.model import Finding
from mockserver import Running
from mockserver.embedded.starter import serve_in_thread

SERVERS = ("openai", "tikhub", "llmapi")
DOCUMENTS = {"openai": "openai@2026-08-21"}
"""The documents that the test servers follow, where it is not the newest one."""
EXPECTED: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("expected.yaml").read_text()
)


@dataclass(frozen=True)
class PlantedDefect:
    """
    A fault of a server, with the expected finding.

    `claim` is a part of the id of its claim. `open` is the reason why none is expected,
    `missed` why there is none yet.
    """

    provider: str
    name: str
    kind: str = ""
    check: str = ""
    claim: str = ""
    open: str = ""
    missed: str = ""

    @property
    def id(self) -> str:
        return f"{self.provider}:{self.name}"

    @property
    def operation(self) -> str:
        return self.name.partition("/")[0]

    def is_found_by(self, finding: Finding) -> bool:
        """True if a finding has the kind, check and a claim of this fault."""
        return finding.check == self.check and self.is_cause_of(finding)

    def is_cause_of(self, finding: Finding) -> bool:
        """True if a finding has the kind and a claim of this fault, by any check."""
        return finding.kind == self.kind and any(
            each.startswith(f"{self.operation}/") and self.claim in each
            for each in (finding.claim, *finding.claims)
        )


@dataclass(frozen=True)
class FaultyServer(PlantedDefect):
    """A fault of a test server."""

    @property
    def document(self) -> str:
        """The id of the provider, with the day as of which the server was written."""
        return DOCUMENTS.get(self.provider, self.provider)

    @contextmanager
    def serving(self) -> Iterator[str]:
        module = importlib.import_module(f"faulty_servers.{self.provider}")
        defects = defects_of(self.provider)
        with serving(with_defect(module.service(), self.name, defects)) as url:
            yield url


@dataclass(frozen=True)
class FaultyRelay(PlantedDefect):
    """A fault of a relay in front of our mock."""

    @property
    def id(self) -> str:
        return f"relay:{super().id}"

    @property
    def is_about_models(self) -> bool:
        return "Model" in self.operation

    @property
    def fault(self) -> RelayFault:
        return RELAY_FAULTS[self.provider][self.name]

    @contextmanager
    def serving(self, mock: Running) -> Iterator[str]:
        app = relay(mock.url, request=self.fault.request, answer=self.fault.answer)
        with serve_in_thread(app) as (url, _):
            yield mock.base_urls[self.provider].replace(mock.url, url)


def defects_of(provider: str) -> dict[str, Any]:
    """The faults of a test server by name."""
    module = importlib.import_module(f"faulty_servers.defects_{provider}")
    return dict(module.DEFECTS)


@contextmanager
def correct_server(provider: str) -> Iterator[str]:
    """The base URL of the correct server of a provider."""
    with serving(
        importlib.import_module(f"faulty_servers.{provider}").service()
    ) as url:
        yield url


FAULTY_SERVERS = tuple(
    FaultyServer(provider, name, **expected)
    for provider, defects in EXPECTED["servers"].items()
    for name, expected in defects.items()
)
FAULTY_RELAYS = tuple(
    FaultyRelay(provider, name, **expected)
    for provider, defects in EXPECTED["relays"].items()
    for name, expected in defects.items()
)
WARNINGS = {name for name, about in EXPECTED["checks"].items() if about.get("warning")}
"""The checks whose findings never fail a run."""
NOT_SHOWN_BY_SERVERS = {
    name for name, about in EXPECTED["checks"].items() if about.get("no_server")
}
"""The checks that no planted defect can turn red."""


def exercised_by() -> Mapping[str, list[str]]:
    """The ids of the planted defects that each check reports, by check."""
    found: dict[str, list[str]] = defaultdict(list)
    for task_defect in TASK_DEFECTS:
        found[task_defect.check].append(task_defect.record_id)
    for defect in (*FAULTY_SERVERS, *FAULTY_RELAYS):
        if defect.check and not defect.missed:
            found[defect.check].append(defect.id)
    return found
