"""All JSON output follows the schemas that `imageparity schema` prints."""

import base64
import json
import signal
import socket
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from support.http import ask, generation
from support.relays import on_refusal, relay, replace

import specs
from contracts.cli.documents.schema import SCHEMAS, schema
from contracts.cli.main import main
from mockserver.embedded.starter import serve_in_thread
from specs.documents.reading.dates import as_of
from specs.documents.reading.yaml_files import read_yaml

pytestmark = pytest.mark.slow

KEY = {"TOKENHUB_API_KEY": "th-very-secret"}
N = ("--only", "createImage/request/n/")


def output_of(*words):
    """The stdout of a command."""
    done = CliRunner().invoke(main, [str(each) for each in words], env=KEY)
    assert done.exit_code in {0, 1}, done.output
    return done.stdout


def printed(name):
    return json.loads(output_of("schema", name))


def follows(name, *values):
    """Assert that there are values and that all follow the schema of this name."""
    validator = Draft202012Validator(printed(name))
    wrong = [
        error.message for value in values for error in validator.iter_errors(value)
    ]
    assert values
    assert wrong == []
    return True


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_printed_schema_is_valid(name):
    found = printed(name)

    Draft202012Validator.check_schema(found)
    assert found["title"]
    assert found == schema(name)


def test_every_schema_that_ships_has_a_name():
    shipped = {
        (".".join((package, *file.parent.relative_to(root).parts)), stem)
        for package in ("specs", "mockserver", "contracts")
        for root in [Path(str(files(package)))]
        for file in root.rglob("*.schema.yaml")
        for stem in [file.name.removesuffix(".schema.yaml")]
    }

    named = {(package, stem) for package, stem, _ in SCHEMAS.values() if stem}
    assert shipped == named
    assert [line.split()[0] for line in output_of("schema").splitlines()] == list(
        SCHEMAS
    )


def test_an_unknown_name_lists_the_known_names():
    done = CliRunner().invoke(main, ["schema", "reports"])

    assert done.exit_code == 2
    assert done.stderr.startswith(
        "Error: unknown format 'reports'; the formats are report"
    )


def test_outputs_of_run_and_gate_follow_their_schemas(mock, tmp_path):
    paths = {name: tmp_path / name for name in ("report", "ctrf", "badge")}
    outputs = [word for name, path in paths.items() for word in (f"--{name}", path)]
    crash = on_refusal(lambda said: replace(said, status=500))
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        target = f"tokenhub={url}/tokenhub/api/v1"
        output_of("run", target, "--no-fuzz", *N, *outputs)
    baseline = tmp_path / "baseline.json"
    output_of("gate", paths["report"], "--baseline", baseline, "--update")

    report = lines(paths["report"].read_text())
    assert follows("report", *report)
    assert any(row.get("findings") for row in report)
    assert follows("ctrf", json.loads(paths["ctrf"].read_text()))
    assert follows("badge", json.loads(paths["badge"].read_text()))
    assert follows("baseline", json.loads(baseline.read_text()))


def test_differences_of_servers_follow_their_schema(tmp_path):
    path = tmp_path / "differences.json"
    words = ("tokenhub", "tikhub", "--same-questions", "--only", "createImage/n=2")

    output_of("run", *words, "--report", path)

    assert follows("differences", json.loads(path.read_text()))


def test_a_comparison_of_documents_follows_its_schema(tmp_path):
    compared = output_of("compare", "openai", "tokenhub", "--json", "-")
    output_of("compare", "openai", "tokenhub", "--compat", tmp_path / "compat.json")

    assert follows("comparison", json.loads(compared))
    assert follows("compat", json.loads((tmp_path / "compat.json").read_text()))


def test_output_about_documents_follows_its_schemas():
    moving = ("drop-in", "openai", "tokenhub", "--features", "generate")

    assert follows("drop-in", json.loads(output_of(*moving, "--json")))
    assert follows("adapter", json.loads(output_of(*moving, "--adapter", "json")))
    assert follows(
        "common", json.loads(output_of("common", "llmapi", "tikhub", "--json"))
    )
    assert follows("claims", *lines(output_of("claims", "tikhub", "--json")))
    assert follows("source", *lines(output_of("sources", "tikhub", "--json")))
    fingerprints = read_yaml(files("specs"), "fingerprints.yaml")
    assert follows("fingerprints", fingerprints)


def test_a_report_about_a_gateway_follows_its_schema(tmp_path):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    path = tmp_path / "sandwich.json"
    with serve_in_thread(relay(f"http://127.0.0.1:{port}")) as (url, _):
        output_of(
            *("sandwich", f"{url}/tokenhub/api/v1", "--upstream-dialect", "tokenhub"),
            *("--listen-port", port, "--only", "quality", "--report", path),
        )

    assert follows("sandwich", json.loads(path.read_text()))


def test_events_of_servers_follow_their_schema(mock):
    upstream = f"{mock.url}/tokenhub/api/v1"
    serving = ("serve", "tokenhub", "--json", "--port", "0")
    passing = ("proxy", "tokenhub", "--upstream", upstream, "--json", "--port", "0")
    body = generation(specs.load("tokenhub"), n=11)
    for words in (serving, passing):
        code = "from contracts.cli.main import main; main()"
        with subprocess.Popen(
            [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True
        ) as process:
            first = process.stdout.readline()
            base_url = json.loads(first)["providers"]["tokenhub"]
            ask(f"{base_url}/images/generations", body=body)
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=60)

        said = lines(first + rest)
        assert follows("events", *said)
        assert (said[0]["event"], said[-1]["event"]) == ("ready", "stopped")
    assert [each["event"] for each in said] == ["ready", "exchange", "stopped"]


def test_provenance_and_recordings_follow_their_schemas(mock, tmp_path):
    target = f"tokenhub={mock.url}/tokenhub/api/v1"
    tapes = tmp_path / "tapes"
    output_of("run", target, "--no-fuzz", *N, "--record", tapes)
    body = generation(specs.load("tokenhub"))
    answer = ask(f"{mock.url}/tokenhub/api/v1/images/generations", body=body).json
    picture = tmp_path / "picture.png"
    picture.write_bytes(base64.b64decode(answer["data"][0]["url"].partition(",")[2]))

    assert follows("whose", *lines(output_of("whose", picture, "--json")))
    recorded = [json.loads(each.read_text()) for each in tapes.glob("*.json")]
    assert follows("cassette", *recorded)


def test_shipped_definitions_follow_their_schemas(provider):
    folder = files("specs")
    # The schema is about what is in force on a day.
    dialect = read_yaml(folder / provider.id, "dialect.yaml")
    assert follows("dialect", as_of(dialect, provider.day).content)
    assert follows("document", provider.document)
    assert follows("clients", read_yaml(folder, "clients.yaml"))
    assert follows(
        "rules", read_yaml(files("contracts.compare.migration"), "rules.yaml")
    )
