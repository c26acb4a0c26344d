"""Test LiteLLM's proxy with `imageparity sandwich`."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.processes import free_port

from contracts.report.model import Report

pytestmark = pytest.mark.clients

KEY = f"sk-{secrets.token_hex(24)}"  # the proxy wants a strong one
ALIAS = "pictures"
FEATURES = (  # not every 429 and 5xx: the SDK inside asks three times, with pauses
    *("model", "key", "prompt", "size", "quality", "output", "background", "user"),
    *("moderation", "nothing added", "unlisted", "image", "mask", "images"),
    *("created", "usage", "stream", "events", "partial"),
    *("unauthenticated", "rate_limited", "reset", "slow", "garbage", "html", "cut"),
)


@contextmanager
def proxy(litellm: str, quiet, folder, upstream: str, key: str) -> Iterator[str]:
    """A proxy that has one model, with a key of its own or the caller's: `key`."""
    port = free_port()
    settings = {
        "model_list": [
            {
                "model_name": ALIAS,
                "litellm_params": {
                    "model": "openai/gpt-image-2",
                    "api_base": upstream,
                    "api_key": key,
                },
            }
        ],
        # With the router's own retries it asks nine times; after a failure it would
        # not ask at all for a while.
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    config = folder / "config.yaml"  # JSON is YAML
    config.write_text(json.dumps(settings))
    command = [litellm, "--config", config, "--telemetry", "False"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command,
            env={**os.environ, **quiet, "LITELLM_MASTER_KEY": KEY},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def is_live(base_url: str) -> bool:
    try:
        with urllib.request.urlopen(base_url.replace("/v1", "/health/liveliness")):
            return True
    except OSError:
        time.sleep(0.2)
        return False


def imageparity(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "contracts", *words],
        env={**os.environ, "GATEWAY_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def examine(quiet, executable, tmp_path):
    """Put a proxy that is started with its upstream between; result and report."""

    def conduct(*words: str, key: str = "sk-upstream"):
        port, path = free_port(), tmp_path / "report.json"
        upstream = f"http://127.0.0.1:{port}/openai/v1"
        litellm = executable("python/bin/litellm")
        with proxy(litellm, quiet, tmp_path, upstream, key) as base_url:
            done = imageparity(
                *("sandwich", base_url, "--upstream-dialect=openai", "--wait=120"),
                *(f"--listen-port={port}", f"--model={ALIAS}", "--key-env=GATEWAY_KEY"),
                *(f"--report={path}", *words),
            )
        log = (tmp_path / "log").read_text()[-4000:]
        assert path.exists(), done.stderr + log
        assert KEY not in done.stdout + path.read_text()
        return done, json.loads(path.read_text())

    return conduct


# What is not honoured, by group and feature; every other feature is.
LOST = {
    ("edits", "images (JSON)"): "altered",
    ("edits", "images, several (JSON)"): "altered",
    ("edits", "mask (JSON)"): "refused",
    ("answer", "an unlisted field"): "ignored",
    ("stream", "events"): "refused-badly",
    ("faults", "reset"): "refused",
    ("faults", "garbage"): "refused",
    ("faults", "html"): "refused",
    ("faults", "cut-stream"): "refused",
}
KEPT = {
    "request": {"model", "key", "prompt", "prompt, long", "size", "quality", "user"},
    "edits": {"image", "image, several", "mask", "size", "quality", "user"},
    "answer": {"images", "images, n=2", "created", "usage", "size"},
    "stream": {"stream", "partial_images"},
    "faults": {"slow"},
}


def place(row):
    return row["group"], row["feature"]


def is_kept(row):
    return row["verdict"] in {"honoured", "untested"}


def test_what_it_does_to_each_feature(examine):
    done, report = examine(*(f"--only={each}" for each in FEATURES))

    assert done.returncode == 1, done.stderr
    examined = report["rows"]
    assert report["call"]["models"] == {"gpt-image-2": ALIAS}
    assert not any(each["feature"].startswith("model ") for each in examined)
    notes = {each["note"] for each in examined if each["feature"] == "background"}
    needs = r"it needs (\S+): name it with --model \1=NAME"
    assert any(re.fullmatch(needs, each) for each in notes)
    errors = [each for each in examined if each["group"] == "errors"]
    others = [each for each in examined if each not in errors]
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


def test_it_passes_with_the_callers_key_if_that_is_excepted(examine):
    """It has the same key on both sides, as a gateway that passes the key on."""
    only = ("--only=prompt", "--only=key", "--only=quality", "--only=images, n=2")
    done, report = examine(*only, "--except=key", key=KEY)

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = (each for each in report["rows"] if each["feature"] == "key")
    assert (row["verdict"], row["arrived"]) == ("altered", "the caller's key")
    assert row["excepted"]


def test_a_run_asks_it_by_its_name_of_the_model(mock, quiet, executable, tmp_path):
    path = tmp_path / "report.jsonl"
    litellm, upstream = executable("python/bin/litellm"), mock.base_urls["openai"]
    with proxy(litellm, quiet, tmp_path, upstream, "sk-upstream") as base_url:
        assert any(is_live(base_url) for _ in range(600)), (
            tmp_path / "log"
        ).read_text()
        done = imageparity(
            *("run", "openai", "--against", base_url, "--key-env=GATEWAY_KEY"),
            *("--model", f"gpt-image-2={ALIAS}", "--operations=createImage"),
            *("--no-fuzz", "--no-second-opinion", "--only=createImage/request/n/"),
            *(
                "--only=createImage/request/plain",
                f"--report={path}",
                f"--examples={tmp_path}",
            ),
        )

    report = Report.read(path)
    assert done.returncode in {0, 1}, done.stderr  # it has faults of its own
    plain = next(e for e in report.outcomes if e.case == "createImage/request/plain")
    assert (plain.status, plain.images) == (200, 1)
    assert KEY not in path.read_text()
