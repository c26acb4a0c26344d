"""Test LiteLLM's proxy with `imageparity sandwich`."""

import json
import os
import secrets
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.clients

KEY = f"sk-{secrets.token_hex(24)}"  # the proxy wants a strong one
ALIAS = "pictures"
FEATURES = (  # not every 429 and 5xx: the SDK inside asks three times, with pauses
    *("model", "key", "prompt", "size", "quality", "output", "background", "user"),
    *("moderation", "nothing added", "unlisted", "image", "mask", "pictures"),
    *("created", "usage", "stream", "events", "partial"),
    *("unauthenticated", "rate_limited", "reset", "slow", "garbage", "html", "cut"),
)


@pytest.fixture
def examined(quiet, executable, tmp_path):
    """The report about a proxy that is started when its upstream is."""
    litellm = executable("python/bin/litellm")
    listening, proxying = free_ports(2)
    settings = {
        "model_list": [
            {
                "model_name": ALIAS,
                "litellm_params": {
                    "model": "openai/gpt-image-2",
                    "api_base": f"http://127.0.0.1:{listening}/openai/v1",
                    "api_key": "sk-upstream",
                },
            }
        ],
        # With the router's own retries it asks nine times; after a failure it would
        # not ask at all for a while.
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    config = tmp_path / "config.yaml"  # JSON is YAML
    config.write_text(json.dumps(settings))
    command = [litellm, "--config", config, "--telemetry", "False"]
    command += ["--host", "127.0.0.1", "--port", str(proxying)]
    path = tmp_path / "report.json"
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command,
            env={**os.environ, **quiet, "LITELLM_MASTER_KEY": KEY},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
        ) as process,
    ):
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "contracts", "sandwich"),
                    f"http://127.0.0.1:{proxying}/v1",
                    "--upstream-dialect=openai",
                    f"--listen-port={listening}",
                    f"--model={ALIAS}",
                    "--key-env=GATEWAY_KEY",
                    "--wait=120",
                    f"--report={path}",
                    *(f"--only={each}" for each in FEATURES),
                ],
                env={**os.environ, "GATEWAY_KEY": KEY},
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
    assert done.returncode == 1, done.stderr + (tmp_path / "log").read_text()[-4000:]
    assert KEY not in done.stdout + path.read_text()
    return json.loads(path.read_text())["rows"]


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in probes]
    finally:
        for probe in probes:
            probe.close()


# What is not honoured, by group and feature; every other feature is.
LOST = {
    ("edits", "images (JSON)"): "altered",
    ("edits", "images, several (JSON)"): "altered",
    ("edits", "mask (JSON)"): "refused",
    ("answer", "an unlisted member"): "ignored",
    ("stream", "events"): "refused-badly",
    ("faults", "reset"): "refused",
    ("faults", "garbage"): "refused",
    ("faults", "html"): "refused",
    ("faults", "cut-stream"): "refused",
}
KEPT = {
    "request": {"model", "key", "prompt", "prompt, long", "size", "quality", "user"},
    "edits": {"image", "image, several", "mask", "size", "quality", "user"},
    "answer": {"pictures", "pictures, n=2", "created", "usage", "size"},
    "stream": {"stream", "partial_images"},
    "faults": {"slow"},
}


def place(row):
    return row["group"], row["feature"]


def is_kept(row):
    return row["verdict"] in {"honoured", "untested"}


def test_what_it_does_to_each_feature(examined):
    errors = [each for each in examined if each["group"] == "errors"]
    models = [each for each in examined if each["feature"].startswith("model ")]
    assert models
    assert not any(is_kept(each) or each["promised"] for each in models)
    others = [each for each in examined if each not in [*errors, *models]]
    lost = {place(each): each["verdict"] for each in others if not is_kept(each)}
    assert lost == LOST
    tested = {place(each) for each in others if each["verdict"] != "untested"}
    for group, features in KEPT.items():
        assert {(group, feature) for feature in features} <= tested
    assert {each["verdict"] for each in errors} == {"altered"}

    rows = {place(each): each for each in examined}
    assert rows["request", "model"]["sent"] == f'"{ALIAS}"'
    assert rows["request", "model"]["arrived"] == '"gpt-image-2"'
    as_json = rows["edits", "images (JSON)"]
    assert "application/x-www-form-urlencoded" in as_json["arrived"]
    assert rows["stream", "events"]["arrived"].startswith("500: ")
    blocked = rows["errors", "moderation_blocked"]
    assert blocked["arrived"] == '400; code "400"'
    limited = rows["errors", "rate_limited"]
    assert limited["arrived"] == (
        '429; code "429"; type "throttling_error"; no Retry-After'
    )
    assert limited["note"] == "3 requests to the upstream"
