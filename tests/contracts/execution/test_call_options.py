"""Servers that want another header, query, key place or model name than documented."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from support import gateways

import contracts
import specs
from contracts.cli.main import main
from contracts.execution.sending.target import Target
from contracts.planning.call_options import Auth, CallOptions
from contracts.planning.code_samples import curl_command, node_snippet, python_snippet
from contracts.planning.plan import plan
from contracts.report.model import Report

pytestmark = pytest.mark.slow

KEY, SECRET = "th/very-secret+key", "header-secret-0815"
QUERY = "api-version=2025-04-01-preview&next=%2Fa"
PLAIN = "createImage/request/plain"


@pytest.fixture
def gateway(mock):
    """Start a gateway; returns it and its base URL."""

    @contextmanager
    def start(**wants):
        with gateways.gateway(mock.url, **wants) as (server, url):
            yield server, f"{url}/tokenhub/api/v1"

    return start


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `imageparity run tokenhub --against …`; returns result and report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENHUB_API_KEY", KEY)
    monkeypatch.setenv("EXTRA", SECRET)

    def invoke(url: str, *words: str, only: tuple[str, ...] = ()):
        path = tmp_path / "report.jsonl"
        line = ["run", "tokenhub", "--against", url, "--no-fuzz", *words]
        line += [word for each in only for word in ("--only", each)]
        result = CliRunner().invoke(main, [*line, "--report", str(path)])
        return result, Report.read(path) if path.exists() else None

    return invoke


def outcomes(report: Report, part: str):
    return {each.case: each for each in report.outcomes if part in each.case}


def test_a_header_comes_from_the_environment(gateway, run):
    with gateway(headers={"x-extra": SECRET}) as (server, url):
        without, _ = run(url, only=(PLAIN,))
        result, report = run(url, "--header", "x-extra=EXTRA", only=(PLAIN, "/n/"))

    assert without.exit_code == 2
    assert result.exit_code == 0, result.output
    assert report.outcomes
    assert server.requests[-1][0]["Authorization"] == f"Bearer {KEY}"


def test_a_header_is_shown_nowhere(gateway, run, tmp_path):
    """The server sends back all that it got, in the body and in a header."""
    words = ["--header", "x-extra=EXTRA", "--record", "kept", "--html", "page.html"]
    with gateway(echo=True) as (_, url):
        refused, _ = run(url, "--header", "x-extra=EXTRA", only=(PLAIN,))
        result, report = run(url, *words, only=("createImage/request/n/maximum",))

    shown = [each.read_text() for each in tmp_path.rglob("*") if each.is_file()]
    everything = "".join([refused.output, result.output, *shown])
    assert (refused.exit_code, result.exit_code) == (2, 1)
    assert SECRET not in everything
    assert KEY not in everything
    request = report.findings[0].request
    assert '-H "x-extra: $EXTRA"' in request["curl"]
    assert "'x-extra': f\"{os.environ['EXTRA']}\"" in request["python"]
    assert '"x-extra": `${process.env.EXTRA}`' in request["node"]


def test_a_recording_is_replayed_without_the_header(gateway, run, monkeypatch):
    words = ["--header", "x-extra=EXTRA"]
    with gateway(headers={"x-extra": SECRET}) as (_, url):
        run(url, *words, "--record", "kept", only=(PLAIN,))
    monkeypatch.delenv("EXTRA")

    result, report = run(url, *words, "--replay", "kept", only=(PLAIN,))

    assert (result.exit_code, len(report.outcomes)) == (0, 1), result.output


def test_a_query_is_a_part_of_each_request(gateway, run):
    with gateway(query=QUERY) as (server, url):
        without, _ = run(url, only=(PLAIN,))
        result, _ = run(f"{url}/?{QUERY}", only=(PLAIN, "/n/", "path/"))

    assert without.exit_code == 2
    assert result.exit_code == 0, result.output
    sent = server.requests[-1][1]
    assert sent == {"api-version": "2025-04-01-preview", "next": "/a"}


def test_a_sample_has_the_query_after_the_path(gateway, run):
    with gateway(echo=True) as (_, url):
        _, report = run(
            f"{url}?{QUERY}", "--auth", "query:key", only=("createImage/request/n/m",)
        )

    request = report.findings[0].request
    address = f"{url}/images/generations?{QUERY}"
    assert f"'{address}&key='\"$TOKENHUB_API_KEY\"" in request["curl"]
    assert f"'{address}'" in request["python"]
    assert "params={'key': f\"{os.environ['TOKENHUB_API_KEY']}\"}" in request["python"]
    value = "encodeURIComponent(`${process.env.TOKENHUB_API_KEY}`)"
    assert f'"{address}&key=" + {value}' in request["node"]
    assert urlsplit(report.metadata.targets[0].base_url).query == QUERY


@pytest.mark.parametrize("auth", ["header:api-key", "query:key", "none"])
def test_the_samples_send_the_same_request(gateway, auth, tmp_path):
    """Run them with curl, Python and, if it is installed, Node."""
    call = CallOptions(Auth.parse(auth), {"x-extra": "EXTRA"}, {"gpt-image-2": "team"})
    provider = specs.load("tokenhub")
    case = next(each for each in plan(provider) if each.id == PLAIN)
    wants = {"headers": {"x-extra": SECRET}, "query": f"$top=1&{QUERY}"}
    with gateway(**wants, auth=auth, models={"team": "gpt-image-2"}) as (server, url):
        target = Target(f"{url}?$top=1&{QUERY}", KEY, call=call)
        address = target.url(case, provider.operations[case.operation])
        sample = (case, address, "KEY", "POST", call)
        (tmp_path / "ask.mjs").write_text(node_snippet(*sample), "utf-8")
        commands = [
            ["bash", "-c", curl_command(*sample)],
            [sys.executable, "-c", python_snippet(*sample)],
            ["node", "ask.mjs"],
        ]
        commands = [each for each in commands if shutil.which(each[0])]
        environment = {**os.environ, "KEY": "th-very-secret", "EXTRA": SECRET}
        said = [
            subprocess.run(
                each, cwd=tmp_path, env=environment, capture_output=True, check=True
            ).stdout
            for each in commands
        ]

    assert len(server.requests) == len(commands) > 0
    assert all(b"data" in each for each in said)
    queries = [query for _, query, _ in server.requests]
    assert all(each == queries[0] for each in queries)
    assert queries[0]["$top"] == "1"


@pytest.mark.parametrize("auth", ["bearer", "header:api-key", "query:key"])
def test_missing_and_wrong_keys_are_sent_in_the_same_way(gateway, run, auth):
    with gateway(auth=auth) as (server, url):
        result, report = run(url, "--auth", auth, only=(PLAIN, "createImage/auth/"))

    assert result.exit_code == 0, result.output
    found = outcomes(report, "createImage/auth/")
    sent = {each.rpartition("/")[2] for each in found if not found[each].not_tested}
    assert {"missing", "empty", "wrong-key"} <= sent
    assert found["createImage/auth/wrong-key"].status == 401
    left_out = {each.not_tested for each in found.values()} - {None}
    if auth == "bearer":
        assert not left_out
    else:
        assert left_out == {
            f"does not apply: the API key has no scheme (--auth {auth})"
        }
        assert not any("Authorization" in each for each, _, _ in server.requests)


def test_no_key_is_sent_or_needed(gateway, run, monkeypatch):
    monkeypatch.delenv("TOKENHUB_API_KEY")
    with gateway(auth="none") as (server, url):
        result, report = run(url, "--auth", "none", only=(PLAIN, "createImage/auth/"))

    assert result.exit_code == 0, result.output
    assert not any("Authorization" in each for each, _, _ in server.requests)
    assert len(server.requests) == 1
    reasons = {each.not_tested for each in outcomes(report, "/auth/").values()}
    assert reasons == {"does not apply: no API key is sent (--auth none)"}
    assert "createImage/auth" not in outcomes(report, PLAIN)[PLAIN].claims


def test_a_server_has_its_own_name_for_a_model(gateway, run):
    with gateway(models={"team-image": "gpt-image-2"}) as (server, url):
        without, _ = run(url, only=(PLAIN,))
        server.requests.clear()
        result, report = run(url, "--model", "team-image")

    assert without.exit_code == 2
    assert "--model" in without.output
    assert result.exit_code == 0, result.output
    assert all(b"team-image" in body for _, _, body in server.requests)
    assert not any(b"gpt-image" in body for _, _, body in server.requests)
    assert len(report.outcomes) > 100
    assert {each.model for each in report.outcomes} <= {"gpt-image-2", ""}
    assert not any("/request/model/" in each.case for each in report.outcomes)


def test_several_models_have_names(gateway, run):
    models = {"team-red": "gpt-image-2", "team-blue": "gpt-image-2.6-sunburst"}
    with gateway(models=models) as (server, url):
        words = [f"--model={known}={name}" for name, known in models.items()]
        result = CliRunner().invoke(
            main,
            [
                *("run", "openai", "--against", url.replace("tokenhub/api", "openai")),
                *("--key-env", "EXTRA", "--no-fuzz", *words),
                *("--only", "createImage/request/n/", "--only", PLAIN),
                *("--only", "createImage/request/quality"),
            ],
        )

    assert result.exit_code == 0, result.output
    sent = {json.loads(body)["model"] for _, _, body in server.requests}
    assert sent == set(models)


def test_the_summary_of_a_finding_names_the_model_that_was_sent(gateway, run):
    with gateway(echo=True) as (_, url):
        _, report = run(
            url, "--model", "team-image", only=("createImage/request/n/max",)
        )

    request = report.findings[0].request
    assert 'model="team-image"' in request["summary"]
    assert all("gpt-image" not in text for text in request.values())


WRONG = {
    "no value": (["--header", "x-extra=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
    "no variable": (["--header", "x-extra"], "NAME=ENVVAR"),
    "a value": (["--header", "x-extra=sk-1:2"], "environment variable"),
    "no name": (["--header", "x extra=EXTRA"], "'x extra'"),
    "twice": (["--header", "x-a=EXTRA", "--header", "X-A=EXTRA"], "twice"),
    "the key": (["--header", "authorization=EXTRA"], "--auth none"),
    "own header": (["--header", "Content-Type=EXTRA"], "Content-Type"),
    "unknown way": (["--auth", "digest"], "header:NAME"),
    "way without a name": (["--auth", "header"], "header:NAME"),
    "way with a name": (["--auth", "none:x"], "header:NAME"),
    "unknown model": (["--model", "gpt-9=mine"], "gpt-9"),
    "two names": (["--model", "a", "--model", "b"], "two names"),
    "no model name": (["--model", "=a"], "MODEL=NAME"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_option_is_a_usage_error(run, words, said):
    result, report = run("http://127.0.0.1:1/v1", *words)

    assert (result.exit_code, report) == (2, None)
    assert said in result.output
    assert "sk-1:2" not in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["--header=a=B"], ["--auth=none"], ["--model=x"]])
def test_the_options_are_for_servers(words):
    result = CliRunner().invoke(main, ["run", "tokenhub", *words])

    assert result.exit_code == 2
    assert "--against" in result.output


def test_the_same_requests_are_sent_to_a_gateway_called_differently(
    gateway, mock, monkeypatch, tmp_path
):
    monkeypatch.setenv("EXTRA", SECRET)
    monkeypatch.setenv("TOKENHUB_API_KEY", KEY)
    wants = {"headers": {"x-extra": SECRET}, "query": QUERY, "auth": "header:api-key"}
    path = tmp_path / "report.json"
    with gateway(**wants) as (_, one), gateway(**wants) as (_, other):
        words = [f"a:tokenhub={one}?{QUERY}", f"b:tokenhub={other}?{QUERY}"]
        words += ["--header", "x-extra=EXTRA", "--auth", "header:api-key"]
        words += ["--same-questions", "--only", "createImage/n", "--only", "auth"]
        result = CliRunner().invoke(main, ["run", *words, "--report", str(path)])

    assert result.exit_code == 0, result.output
    assert json.loads(path.read_text())["questions"] > 3
    assert SECRET not in path.read_text() + result.output


def test_python_takes_the_same_options(gateway, monkeypatch):
    monkeypatch.setenv("EXTRA", SECRET)
    wants = {
        "headers": {"x-extra": SECRET},
        "auth": "query:key",
        "models": {"team-image": "gpt-image-2"},
    }
    with gateway(**wants) as (_, url):
        report = contracts.run(
            "tokenhub",
            against=url,
            key=KEY,
            headers={"x-extra": "EXTRA"},
            auth="query:key",
            model="team-image",
            only=(PLAIN, "createImage/request/n/"),
            fuzz=False,
        )

    assert report.conforms
    assert len(report.outcomes) > 3


@pytest.mark.parametrize(
    "options", [{"headers": {"a": "B"}}, {"auth": "none"}, {"model": "x"}]
)
def test_python_rejects_options_without_a_server(options):
    with pytest.raises(ValueError, match="against"):
        contracts.run("tokenhub", **options)
