"""All faulty servers, with the finding expected of each."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from faulty_servers.defects import with_defect
from faulty_servers.minimal import serving

SERVERS = ("openai", "tikhub", "llmapi")
EXPECTED: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("expected.yaml").read_text()
)


@dataclass(frozen=True)
class FaultyServer:
    """
    A server with one fault.

    `kind` and `claim` (a part of the id) are those of the expected finding. `open` is
    the reason why none is expected, `missed` why there is none yet.
    """

    provider: str
    name: str
    kind: str = ""
    claim: str = ""
    open: str = ""
    missed: str = ""

    @property
    def id(self) -> str:
        return f"{self.provider}:{self.name}"

    @property
    def operation(self) -> str:
        return self.name.partition("/")[0]

    def is_found_by(self, finding: Any) -> bool:
        """True if a finding has the kind, operation and claim of this fault."""
        return (
            bool(self.kind)
            and finding.kind == self.kind
            and finding.claim.startswith(f"{self.operation}/")
            and self.claim in finding.claim
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        module = importlib.import_module(f"faulty_servers.{self.provider}")
        lies = importlib.import_module(
            f"faulty_servers.defects_{self.provider}"
        ).DEFECTS
        with serving(with_defect(module.service(), self.name, lies)) as url:
            yield url


@contextmanager
def correct_server(provider: str) -> Iterator[str]:
    """The base URL of the correct server of a provider."""
    with serving(
        importlib.import_module(f"faulty_servers.{provider}").service()
    ) as url:
        yield url


FAULTY_SERVERS = tuple(
    FaultyServer(provider, name, **expected)
    for provider in SERVERS
    for name, expected in EXPECTED[provider].items()
)
