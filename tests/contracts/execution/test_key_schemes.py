"""The key is sent as the document says: in a header, in the query, or as a token."""

import json

import pytest
from click.testing import CliRunner
from support import gateways
from support.providers import API_KEY_HEADER, API_KEY_QUERY, BEARER, write_provider

import contracts
import mockserver
from contracts.cli.main import main
from contracts.report.model import Report

pytestmark = pytest.mark.slow

KEY = "a-long/and+very-secret key"
PLAIN = "createImage/request/plain"
AUTH = "createImage/auth"
SCHEMES = {
    "header:api-key": [API_KEY_HEADER],
    "query:subscription": [API_KEY_QUERY, API_KEY_HEADER],
    "bearer": [BEARER, API_KEY_QUERY],
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `imageparity run mine …`; returns the result and the report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_KEY", KEY)

    def invoke(*words: str, only: tuple[str, ...] = (PLAIN, AUTH)):
        path = tmp_path / "report.jsonl"
        line = ["run", "mine", "--specs", "providers", "--no-fuzz", *words]
        line += [word for each in only for word in ("--only", each)]
        result = CliRunner().invoke(main, [*line, "--report", str(path)])
        return result, Report.read(path) if path.exists() else None

    return invoke


def write(tmp_path, auth: str):
    schemes = SCHEMES[auth]
    return write_provider(
        tmp_path / "providers", "mine", schemes=schemes, key_env="MY_KEY"
    )


@pytest.mark.parametrize("auth", SCHEMES)
def test_the_mock_conforms_to_its_document(run, tmp_path, auth):
    write(tmp_path, auth)

    result, report = run("--second-opinion", only=(PLAIN, AUTH, "/schemathesis/"))

    assert result.exit_code == 0, result.output
    assert report.metadata.targets[0].call.auth == auth
    assert not [each for each in report.outcomes if each.not_tested]
    sent = {each.case for each in report.outcomes if each.case.startswith(f"{AUTH}/")}
    assert {f"{AUTH}/{each}" for each in ("missing", "empty", "wrong-key")} <= sent
    assert (f"{AUTH}/wrong-scheme" in sent) == (auth == "bearer")


@pytest.mark.parametrize("auth", SCHEMES)
def test_the_key_is_sent_as_documented(run, tmp_path, mock, auth):
    """The server knows nothing of the document."""
    write(tmp_path, auth)
    with gateways.gateway(mock.url, auth=auth) as (server, url):
        result, report = run("--against", f"{url}/tokenhub/api/v1")

    assert result.exit_code == 0, result.output
    status = {each.case: each.status for each in report.outcomes}
    assert status[PLAIN] == 200
    assert status[f"{AUTH}/missing"] == status[f"{AUTH}/wrong-key"] == 401
    headers, query, _ = server.requests[0]
    place, _, name = auth.partition(":")
    key = {
        "bearer": headers.get("Authorization"),
        "header": headers.get(name),
        "query": query.get(name),
    }[place]
    assert key == (f"Bearer {KEY}" if place == "bearer" else KEY)
    assert ("Authorization" in headers) == (place == "bearer")


@pytest.mark.parametrize("auth", SCHEMES)
def test_a_server_that_ignores_the_key_fails(run, tmp_path, mock, auth):
    write(tmp_path, auth)
    with gateways.gateway(mock.url, auth="none") as (_, url):
        result, report = run("--against", f"{url}/tokenhub/api/v1", "--second-opinion")

    assert result.exit_code == 1
    failed = {each.case for each in report.outcomes if each.findings}
    assert {f"{AUTH}/missing", f"{AUTH}/wrong-key"} <= failed
    (finding, *_) = report.findings
    assert "schemathesis:ignored_auth" in finding.also_seen_by
    text = (tmp_path / "report.jsonl").read_text()
    assert KEY not in text
    samples = "".join(finding.request.values())
    name = {"header:api-key": "api-key", "bearer": "Authorization"}.get(auth)
    assert f"; {name or 'subscription'}: " in finding.request["summary"]
    assert ("Authorization" in samples) == (auth == "bearer")


def test_the_option_overrides_the_document(run, tmp_path, mock):
    write(tmp_path, "header:api-key")
    with gateways.gateway(mock.url, auth="query:k") as (server, url):
        words = ("--against", f"{url}/tokenhub/api/v1", "--auth", "query:k")
        result, report = run(*words)

    assert result.exit_code == 0, result.output
    assert report.metadata.targets[0].call.auth == "query:k"
    assert server.requests[0][1] == {"k": KEY}


def test_the_claim_names_the_places(tmp_path):
    write(tmp_path, "query:subscription")

    words = ["claims", "mine", "--specs", str(tmp_path / "providers"), "--json"]
    lines = CliRunner().invoke(main, words).output.splitlines()

    rows = {each["id"]: each for each in map(json.loads, lines)}
    assert rows[AUTH]["sentence"] == (
        "a request needs an API key in the query parameter subscription or an API key "
        "in the header api-key"
    )


def test_documents_are_compared_by_their_schemes(tmp_path):
    write(tmp_path, "header:api-key")
    folder = str(tmp_path / "providers")

    compared = CliRunner().invoke(
        main, ["compare", "mine", "tokenhub", "--specs", folder, "--no-pager"]
    )
    moved = CliRunner().invoke(
        main, ["drop-in", "tokenhub", "mine", "--specs", folder, "--verbose"]
    )

    assert "apiKey header api-key" in compared.output
    assert "send an API key in the header api-key" in moved.output


def test_servers_with_other_schemes_get_the_same_requests(tmp_path, mock):
    provider = write(tmp_path, "header:api-key")
    with mockserver.running(provider) as own:
        words = [f"mine={own.base_url}", f"tokenhub={mock.base_urls['tokenhub']}"]
        words += ["--specs", str(tmp_path / "providers"), "--key-env", "MY_KEY"]
        words += ["--only", "createImage/n", "--only", "key", "--operations"]
        words += ["createImage"]
        result = CliRunner().invoke(
            main, ["compare", *words], env={"MY_KEY": "any-long-key"}
        )

    assert result.exit_code == 0, result.output


def test_python_sends_the_key_as_documented(tmp_path, mock):
    provider = write(tmp_path, "header:api-key")
    with gateways.gateway(mock.url, auth="header:api-key") as (_, url):
        against = f"{url}/tokenhub/api/v1"
        report = contracts.run(
            provider, against=against, key=KEY, only=(PLAIN, AUTH), fuzz=False
        )

    assert report.conforms
    assert len(report.outcomes) > 3
