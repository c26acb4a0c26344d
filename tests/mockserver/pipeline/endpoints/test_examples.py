"""The requests that the mock shows to newcomers: each gets a success."""

import json
import subprocess

import pytest
from support.http import ask, control, key_of

from mockserver.cli.serve_output import ServeOutput
from specs import ProviderEntry

pytestmark = pytest.mark.slow

# They name a file or a video that only an earlier request makes.
NEEDS_MORE = {"createVideoRemix", "createVideoEdit", "createVideoExtension"}


def test_each_example_of_the_control_api_gets_a_success(own, provider):
    found = control(own, "/providers").json["providers"]
    (examples,) = (each["examples"] for each in found if each["id"] == provider.id)

    assert examples
    for name, example in examples.items():
        operation = provider.operations[name]
        documented = [*operation.bodies["application/json"].examples.values()]
        if operation.task is not None:
            assert example["body"] == min(
                documented, key=lambda each: len(json.dumps(each))
            )
        if name in NEEDS_MORE:
            continue
        url = f"{own.url}{example['path']}"
        answer = ask(url, body=example["body"], **key_of(operation))
        assert 200 <= answer.status < 300, (name, answer.body)
        assert own.journal()[-1]["operation"] == name


def test_the_command_that_serve_prints_gets_a_success(own, provider, capsys):
    address = own.url.removeprefix("http://").split(":")
    entry = ProviderEntry.of(provider)
    ServeOutput([entry], address, None, as_json=False).print_ready()
    _, _, command = capsys.readouterr().out.partition("Try it:\n")
    command = command.partition("Inspector:")[0]

    done = subprocess.run(
        ["bash", "-c", f"{command.rstrip()} --silent --fail-with-body"],
        check=True,
        capture_output=True,
        timeout=30,
    )

    assert json.loads(done.stdout)
    first = next(iter(provider.operations.values()))
    (entry,) = own.journal()
    assert (entry["operation"], entry["status"]) == (first.id, 200)
