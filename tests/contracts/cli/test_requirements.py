"""`run --requirements`: levels, exit statuses, expected failures, and what is shown."""

import pytest
from click.testing import CliRunner
from support.relays import on_success, relay

from contracts.cli.main import main
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

NAME = "images-2026-12"
KEYS = {"TOKENHUB_API_KEY": "th-a-long-key", "COLUMNS": "100"}


def command(*words: str, status: int) -> str:
    result = CliRunner().invoke(main, words, env=KEYS)
    assert result.exit_code == status, result.output
    return result.output


def run_at(url: str, folder, *words: str, status: int) -> str:
    return command(
        *("run", "tokenhub", "--against", url, "--operations", "createImage"),
        *("--no-fuzz", "--requirements", NAME),
        *("--report", str(folder / "report.jsonl"), *words),
        status=status,
    )


def one_image_of_many(body, _):
    data = body["data"]
    return {**body, "data": data[:1] if len(data) > 2 else data}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("faulty")


@pytest.fixture(scope="module")
def output(running, folder) -> str:
    """The output of a run about a server that gives too few images."""
    upstream = running.base_urls["tokenhub"].removesuffix("/tokenhub/api/v1")
    app = relay(upstream, answer=on_success(one_image_of_many))
    with serve_in_thread(app) as (url, _):
        return run_at(
            *(f"{url}/tokenhub/api/v1", folder),
            *("--markdown", str(folder / "report.md")),
            *("--html", str(folder / "report.html")),
            status=1,
        )


@pytest.fixture(scope="module")
def accepted(output, folder) -> str:
    """A baseline with the findings of that server."""
    path = str(folder / "accepted.yaml")
    report = str(folder / "report.jsonl")
    command("gate", report, "--baseline", path, status=1)
    command(
        *("gate", report, "--baseline", path, "--update", "--reason", "ticket 8"),
        status=0,
    )
    return path


def statuses(folder) -> dict[str, str]:
    record = Report.read(folder / "report.jsonl").requirements
    return {each.id: str(each.status) for each in record.verdicts[0].results}


def test_a_server_that_keeps_each_must_reaches_the_highest_level(running, tmp_path):
    url = running.base_urls["tokenhub"]
    shown = run_at(url, tmp_path, "--quiet", status=0)

    assert f"{NAME}: TokenHub reaches all musts." in shown
    assert {*statuses(tmp_path).values()} == {"passed", "does not apply"}


def test_a_must_that_fails_is_shown_with_its_claim(output, folder):
    assert [k for k, each in statuses(folder).items() if each == "failed"] == ["number"]
    shown = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    for text in (output, *shown):
        assert "TokenHub reaches 80 % of the musts." in text
        assert "A pass does not prove" in text
        assert "createImage/200/guarantees/count-equals-n" in text


def test_expected_failures_are_those_of_a_baseline(accepted, folder):
    report = str(folder / "report.jsonl")

    command("gate", report, "--baseline", accepted, "--strict-baseline", status=0)
    assert command("show", report, status=1)


def test_an_expected_failure_that_was_not_seen_fails_on_request(
    accepted, running, tmp_path
):
    only = ("--only", "/plain", "--only", "/n/")
    run_at(running.base_urls["tokenhub"], tmp_path, *only, status=1)
    gate = ("gate", str(tmp_path / "report.jsonl"), "--baseline", accepted)

    command(*gate, status=0)
    assert "count-equals-n" in command(*gate, "--strict-baseline", status=1)


def test_findings_beyond_the_musts_do_not_count(output, folder):
    report = str(folder / "report.jsonl")

    command("show", report, "--fail-on", "rejects-valid", status=0)
    command("show", report, "--fail-on", "must", status=1)


def test_must_without_requirements_is_a_usage_error(running):
    url = running.base_urls["tokenhub"]
    words = ("run", "tokenhub", "--against", url, "--fail-on", "must")

    assert "--requirements NAME" in command(*words, status=2)


def test_a_set_is_listed_with_what_it_leaves_out():
    shown = command("claims", "--requirements", NAME, status=0)

    assert "must    number: There are as many images as n says" in shown
    assert "*/errors/rate_limited" in shown
    assert "A pass does not prove" in shown
