"""The manifests in `deploy/`."""

from typing import Any

import yaml
from support.paths import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def objects(name: str) -> dict[str, Any]:
    """The objects of a file below `kubernetes`, by kind; one of each."""
    documents = yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8"))
    return {each["kind"]: each for each in documents}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    """The only container of a workload, beside those that run before it."""
    (container,) = pod_of(workload)["containers"]
    found: dict[str, Any] = container
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    )
    return found
