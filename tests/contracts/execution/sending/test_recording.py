"""Recordings of runs: replayed without a network, and without secrets."""

import asyncio
import json
import os

import pytest
from aiohttp import web
from click.testing import CliRunner
from support.relays import relay

import specs
from contracts.cli.main import main
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.recording import BadRecording, CassetteSession
from contracts.execution.sending.target import Target
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

KEY = "th-a-secret-of-mine"
ONLY = ("createImage/request/n/", "createImage/request/plain", "/auth/", "/streams/")


def run_of(name, url, tape, **options) -> Report:
    options.setdefault("only", ONLY)
    provider = specs.load(name)
    campaign = Campaign(
        provider, Target(url, KEY), fuzz=False, cassette=tape, **options
    )
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()


def told(report: Report) -> list:
    """A report without times."""
    return [
        (each.case, each.status, each.cost, each.findings) for each in report.outcomes
    ]


@pytest.mark.parametrize("name", ["openai", "tokenhub"])
def test_a_recorded_run_is_judged_the_same_without_network(mock, name, tmp_path):
    first = run_of(
        name, mock.base_urls[name], CassetteSession.recording(name, tmp_path)
    )

    again = run_of(
        name, "http://127.0.0.1:1/v1", CassetteSession.replaying(name, tmp_path)
    )

    assert told(again) == told(first)
    assert first.outcomes


def test_findings_and_their_smallest_requests_are_the_same(mock, tmp_path):
    def at_one_second(said):
        return said.with_json({**said.json, "created": 1}) if said.is_success else said

    with serve_in_thread(relay(mock.url, answer=at_one_second)) as (url, _):
        base = f"{url}/tokenhub/api/v1"
        first = run_of(
            "tokenhub", base, CassetteSession.recording("tokenhub", tmp_path)
        )

    again = run_of("tokenhub", base, CassetteSession.replaying("tokenhub", tmp_path))

    assert first.findings
    assert told(again) == told(first)


def test_a_broken_exchange_is_replayed_as_broken(tmp_path):
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"{")
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cut)
    only = ("createImage/request/other-prompt",)
    with serve_in_thread(app) as (url, _):
        first = run_of(
            "tokenhub", url, CassetteSession.recording("tokenhub", tmp_path), only=only
        )

    again = run_of(
        "tokenhub", url, CassetteSession.replaying("tokenhub", tmp_path), only=only
    )

    assert first.findings
    assert told(again) == told(first)


def test_nothing_secret_is_written_down(mock, tmp_path):
    run_of(
        "openai",
        mock.base_urls["openai"],
        CassetteSession.recording("openai", tmp_path),
    )

    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) > 20
    assert not any(KEY.encode() in each.read_bytes() for each in files)


def test_what_was_not_recorded_ends_the_run_with_what_to_do(mock, tmp_path):
    only = ("createImage/request/plain",)
    run_of(
        "tokenhub",
        mock.base_urls["tokenhub"],
        CassetteSession.recording("tokenhub", tmp_path),
        only=only,
    )

    with pytest.raises(
        BadRecording, match=r"does not have the request of .* record again"
    ):
        run_of(
            "tokenhub", "http://x/v1", CassetteSession.replaying("tokenhub", tmp_path)
        )


def test_a_folder_that_cannot_be_used_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(BadRecording, match="cannot be written"):
        CassetteSession.recording("tokenhub", file)
    with pytest.raises(BadRecording, match="contains no recordings"):
        CassetteSession.replaying("tokenhub", tmp_path)


def test_the_command_records_and_replays(mock, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENHUB_API_KEY", KEY)
    tapes, reports = tmp_path / "tapes", [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    words = ["run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/"]

    asked = [*words, "--against", mock.base_urls["tokenhub"], "--record", str(tapes)]
    first = CliRunner().invoke(main, [*asked, "--report", str(reports[0])])
    monkeypatch.delenv("TOKENHUB_API_KEY")
    read = [*words, "--replay", str(tapes), "--report", str(reports[1])]
    second = CliRunner().invoke(main, read)

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    one, two = (Report.read(each) for each in reports)
    assert told(one) == told(two)
    assert "TOKENHUB_API_KEY" not in os.environ
    both = CliRunner().invoke(
        main, [*words, "--replay", str(tapes), "--record", str(tapes)]
    )
    assert both.exit_code == 2
    assert "use one of them" in both.output


def test_a_tape_is_readable_by_people(mock, tmp_path):
    only = ("createImage/request/plain",)
    tape = CassetteSession.recording("tokenhub", tmp_path)
    run_of("tokenhub", mock.base_urls["tokenhub"], tape, only=only)

    (file,) = tmp_path.glob("*.json")
    content = json.loads(file.read_text())
    assert content["request"]["payload"]["case"] == "createImage/request/plain"
    assert content["response"]["status"] == 200
    assert len(file.read_text()) < 4_000  # the image is a file of its own
