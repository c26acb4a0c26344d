"""A second run with the examples of the first finds the same, so the gate passes."""

import dataclasses
import json

import pytest
from click.testing import CliRunner
from support.relays import Message, relay

import specs
from contracts.cli.main import main
from contracts.execution.campaign import Campaign
from contracts.execution.sending.target import Target
from contracts.planning.generation.example_database import ExampleDatabase
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

ERROR = {"error": {"message": "Sorry.", "type": "server_error"}}


def with_defects(response: Message) -> Message:
    """A server with defects that planned requests show, and that only drawn ones do."""
    asked, prompt = response.asked, str(response.asked.get("prompt", ""))
    if not response.is_success or response.is_stream:
        return response
    if any(ord(each) > 0x30000 for each in prompt):
        return response.with_json({**response.json, "created": "today"})
    if asked.get("quality") == "high":
        return response.with_json(ERROR, status=503)
    if (asked.get("n") or 1) > 1:
        value = response.json
        return response.with_json({**value, "data": value["data"][:1]})
    if "size" in asked and "quality" in asked:
        return response.with_json(ERROR, status=400)
    return response


def imageparity(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(
        main, [str(each) for each in words], env={"TOKENHUB_API_KEY": "k"}
    )
    return result.exit_code, result.output


def test_a_run_that_remembers_finds_what_the_run_before_found(
    mock, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with serve_in_thread(relay(mock.url, answer=with_defects)) as (url, _):
        words = ("run", "tokenhub", "--against", f"{url}/tokenhub/api/v1")
        assert imageparity(*words, "--report", "first.jsonl")[0] == 1
        status, output = imageparity(
            *("gate", "first.jsonl", "--baseline", "accepted.yaml", "--update")
        )
        assert status == 0, output
        assert json.loads((tmp_path / ".imageparity/tokenhub.json").read_text())[
            "examples"
        ]
        assert imageparity(*words, "--report", "second.jsonl")[0] == 1

    first, second = (Report.read(f"{each}.jsonl") for each in ("first", "second"))
    assert len(first.findings) > 3
    assert [each.fingerprint for each in second.findings] == [
        each.fingerprint for each in first.findings
    ]
    assert [each.fingerprint for each in second.failed_checks] == [
        each.fingerprint for each in first.failed_checks
    ]
    assert "remembered" in {each.origin for each in second.outcomes}
    status, output = imageparity("gate", "second.jsonl", "--baseline", "accepted.yaml")
    assert (status, "passes" in output) == (0, True), output


def test_remembered_cases_are_sent_after_all_others(tmp_path):
    provider = specs.load("tokenhub")
    campaign = Campaign(provider, Target("", ""), seed=1)
    drawn = [each for each in campaign.cases if each.is_generated][:3]
    examples = ExampleDatabase(tmp_path)
    for case in drawn:
        examples.add("tokenhub", case)
    examples.save()

    again = dataclasses.replace(campaign, examples=ExampleDatabase(tmp_path)).cases

    assert again[: len(campaign.cases)] == campaign.cases
    remembered = again[len(campaign.cases) :]
    assert [each.payload for each in remembered] == [each.payload for each in drawn]
    assert {each.origin for each in remembered} == {"remembered"}
