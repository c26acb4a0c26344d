"""The manifests in `deploy/`: valid by their schemas, and true about the programs."""

import subprocess
import sys
import tomllib

import kubernetes_validate
import pytest
import yaml
from support.deployment import (
    DEPLOY,
    KUBERNETES,
    compose,
    container_of,
    objects,
    pod_of,
)
from support.paths import ROOT

from mockserver.cli.serve import serve
from mockserver.control.access import PUBLIC_PATHS
from mockserver.settings import CONTROL_PREFIX

KUSTOMIZATIONS = sorted(KUBERNETES.rglob("kustomization.yaml"))
MANIFESTS = sorted(
    str(path.relative_to(KUBERNETES))
    for path in KUBERNETES.rglob("*.yaml")
    if path not in KUSTOMIZATIONS and path.name != "campaign.yaml"
)
WORKLOADS = {
    "mock": objects("mock/mock.yaml")["Deployment"],
    "redis": objects("redis/redis.yaml")["StatefulSet"],
    "campaign": objects("campaign/job.yaml")["Job"],
}
OLDEST_CLUSTER = "1.31.0"
MOCK = container_of(WORKLOADS["mock"])
SERVICES = compose()["services"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["version"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_objects_are_valid_in_old_and_new_clusters(name):
    for found in objects(name).values():
        for version in (OLDEST_CLUSTER, kubernetes_validate.latest_version()):
            kubernetes_validate.validate(found, version, strict=True)


def test_compose_files_are_valid():
    files = [DEPLOY / "compose.yaml", ROOT / ".github" / "docker" / "compose.yaml"]
    checker = [sys.executable, "-m", "check_jsonschema"]

    done = subprocess.run(
        [*checker, "--builtin-schema", "vendor.compose-spec", *files],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda each: each.parent.name)
def test_each_file_is_in_a_kustomization(path):
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    generated = [
        file
        for each in described.get("configMapGenerator", ())
        for file in each["files"]
    ]

    named = {(path.parent / each).resolve() for each in described["resources"]}

    assert all(each.exists() for each in named)
    named |= {path.parent / each for each in generated}
    assert set(path.parent.glob("*.yaml")) - {path} <= named


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_pod_keeps_to_the_restricted_standard(name):
    pod = pod_of(WORKLOADS[name])
    containers = [*pod["containers"], *pod.get("initContainers", ())]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_no_more_than_it_needs(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    ports = service.get("ports", [])
    assert all(each.startswith("127.0.0.1:") for each in ports)


def environment(container):
    """The variables of the mock in Kubernetes, without those of a Secret."""
    return {each["name"]: each.get("value") for each in container["env"]}


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (MOCK["args"], environment(MOCK)),
        (SERVICES["mock"]["command"], SERVICES["mock"]["environment"]),
    ],
    ids=["kubernetes", "compose"],
)
def test_the_mock_knows_its_options(command, variables, monkeypatch):
    """Both set the same: what replicas have to share is no setting of one of them."""
    known = [each.envvar for each in serve.params]
    shared = {"IMAGEPARITY_STATE", "IMAGEPARITY_TOKEN", "IMAGEPARITY_SECRET"}

    assert set(variables) == {*shared, "IMAGEPARITY_GRACE"}
    assert all(each in known for each in variables)
    monkeypatch.setenv("IMAGEPARITY_GRACE", variables["IMAGEPARITY_GRACE"])
    verb, *arguments = command
    assert verb == serve.name
    assert serve.make_context(verb, arguments).params["grace"] == 30


def test_a_pod_has_time_to_drain():
    pod = pod_of(WORKLOADS["mock"])
    _, seconds = MOCK["lifecycle"]["preStop"]["exec"]["command"]
    grace = float(environment(MOCK)["IMAGEPARITY_GRACE"])

    assert pod["terminationGracePeriodSeconds"] > float(seconds) + grace
    assert int(SERVICES["mock"]["stop_grace_period"].removesuffix("s")) > grace


def test_the_probes_need_no_token():
    probes = {
        name: MOCK[f"{name}Probe"]["httpGet"]["path"].removeprefix(CONTROL_PREFIX)
        for name in ("startup", "readiness", "liveness")
    }

    assert probes == {
        "startup": "/health",
        "readiness": "/ready",
        "liveness": "/health",
    }
    assert set(probes.values()) <= PUBLIC_PATHS
    haproxy = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
    assert f"{CONTROL_PREFIX}/ready " in haproxy
    assert SERVICES["mock"]["healthcheck"]["test"][1:] == [
        "imageparity", "health", "--ready"
    ]  # fmt: skip


def test_the_addresses_of_redis_are_those_of_its_service():
    name = objects("redis/redis.yaml")["Service"]["metadata"]["name"]
    campaign = KUBERNETES / "campaign" / "campaign.yaml"
    ledger = yaml.safe_load(campaign.read_text(encoding="utf-8"))["ledger"]

    address = f"redis://{name}:6379/0"

    assert environment(MOCK)["IMAGEPARITY_STATE"] == ledger == address
    (waits,) = pod_of(WORKLOADS["mock"])["initContainers"]
    assert f" {name} " in waits["command"][-1]


def test_the_image_is_of_this_version():
    campaign = container_of(WORKLOADS["campaign"])
    images = {each["image"] for each in (MOCK, SERVICES["mock"], campaign)}

    assert images == {f"imageparity:{VERSION}", f"imageparity-harness:{VERSION}"}
    build = SERVICES["mock"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()


def test_each_pod_of_a_campaign_runs_its_own_shard():
    job = WORKLOADS["campaign"]["spec"]
    shard = container_of(WORKLOADS["campaign"])["args"][-1]

    assert job["completionMode"] == "Indexed"
    assert shard == str(job["completions"])
