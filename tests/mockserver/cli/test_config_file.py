"""Options of `serve` from elsewhere: files, the environment, and which prevails."""

import json
import subprocess
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator
from support.http import ask
from support.processes import SERVE, control, ended, gateway_in, post, refusal, serving

from mockserver.cli import config_file as configuration
from mockserver.cli.common import ENV_PREFIX, UsageError
from mockserver.cli.main import main
from mockserver.cli.serve import serve
from mockserver.server import process as server

pytestmark = pytest.mark.slow

# An option, a TOML value of it, and the same as text.
VALUES = [
    ("provider", '["openai", "llmapi"]', "openai llmapi"),
    ("host", '"127.0.0.2"', "127.0.0.2"),
    ("port", "0", "0"),
    ("json", "true", "true"),
    ("seed", "-7", "-7"),
    ("workers", "3", "3"),
    ("state", '"redis://127.0.0.1:1/0"', "redis://127.0.0.1:1/0"),
    ("latency", "300", "300"),
    ("latency", "1.5", "1.5"),
    ("latency", '"200..800"', "200..800"),
    ("requests-per-minute", "60", "60"),
    ("images-per-minute", "5", "5"),
    ("concurrency", "2", "2"),
    ("max-body", "8", "8"),
    ("max-connections", "50", "50"),
    ("head-timeout", "5", "5"),
    ("body-timeout", "0.5", "0.5"),
    ("send-timeout", "5", "5"),
    ("idle-timeout", "60", "60"),
    ("payload", '"realistic"', "realistic"),
    ("strict", "true", "1"),
    ("freeze-time", "2026-05-04T12:00:00Z", "2026-05-04T12:00:00Z"),
    ("freeze-time", '"2026-05-04"', "2026-05-04"),
    ("replay", '"FOLDER"', "FOLDER"),
    ("url-file", '"FOLDER/url"', "FOLDER/url"),
    ("replay-ignore", '"user,seed"', "user,seed"),
    ("token", '"let-me-in"', "let-me-in"),
    ("reload", "true", "yes"),
    ("grace", "0.5", "0.5"),
    ("log-format", '"json"', "json"),
    ("quiet", "true", "true"),
    ("specs", '"FOLDER"', "FOLDER"),
    ("cors", '["*"]', "*"),
    ("cors", '["http://a.test"]', "http://a.test/"),
    ("public-url", '"https://a.test/ai"', "https://a.test/ai"),
    ("trust-forwarded", "true", "1"),
    ("tls-cert", '"FILE"', "FILE"),
    ("tls-key", '"FILE"', "FILE"),
    ("secret", '"one of mine"', "one of mine"),
    ("image-urls", '"query"', "query"),
    ("tasks", '"polls=3"', "polls=3"),
    ("webhook-host", '["hooks.example"]', "hooks.example"),
    ("webhook-secret", '"whsec_c2VjcmV0"', "whsec_c2VjcmV0"),
]
IDS = [f"{name}={text}" for name, _, text in VALUES]


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Neither the project we are in nor the tester's environment has a say."""
    monkeypatch.chdir(tmp_path)
    for name in [f"{ENV_PREFIX}_{each}" for each in ("PROVIDER", "SPECS", "CONFIG")]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SPECS_PATH", raising=False)


def understood(*arguments: str) -> dict[str, object]:
    """The options as `serve` gets them."""
    return serve.make_context("serve", list(arguments)).params


def on_the_command_line(name: str, text: str) -> dict[str, object]:
    if name == "provider":
        return understood(*text.split())
    if text in {"true", "1", "yes"}:
        return understood(f"--{name}")
    return understood(f"--{name}", text)


def put(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_every_option_can_stand_in_a_file_and_nothing_else():
    options = {
        each.opts[0].removeprefix("--"): each
        for each in serve.params
        if each.name not in {"config", "config_schema"}
    }

    allowed = configuration.config_schema(serve)["$defs"]["options"]["properties"]

    assert set(allowed) == set(options) == {name for name, _, _ in VALUES}


@pytest.mark.parametrize(("name", "value", "text"), VALUES, ids=IDS)
def test_an_option_means_the_same_wherever_it_stands(
    tmp_path, monkeypatch, name, value, text
):
    here = str(tmp_path)
    value, text = value.replace("FOLDER", here), text.replace("FOLDER", here)
    value, text = value.replace("FILE", __file__), text.replace("FILE", __file__)
    expected = on_the_command_line(name, text)
    assert expected != understood()

    options = put(tmp_path / "a.toml", f"{name} = {value}\n")
    assert understood("--config", str(options)) == expected
    options = put(tmp_path / "b.toml", f"[serve]\n{name} = {value}\n")
    assert understood("--config", str(options)) == expected

    project = tmp_path / "pyproject.toml"
    put(project, f"[tool.imageparity]\n{name} = {value}\n")
    assert understood() == expected
    put(project, f"[tool.imageparity.serve]\n{name} = {value}\n")
    assert understood() == expected
    project.unlink()

    monkeypatch.setenv(f"{ENV_PREFIX}_{name.upper().replace('-', '_')}", text)
    assert understood() == expected


def test_the_command_line_prevails_then_environment_then_file_then_project(
    tmp_path, monkeypatch
):
    put(tmp_path / "pyproject.toml", "[tool.imageparity]\nseed = 4\ngrace = 4\n")
    assert (understood()["seed"], understood()["grace"]) == (4, 4.0)

    file = str(put(tmp_path / "mock.toml", "seed = 3\nworkers = 3\nstrict = true\n"))
    monkeypatch.setenv(f"{ENV_PREFIX}_CONFIG", file)
    read = understood()
    assert (read["seed"], read["workers"]) == (3, 3)
    assert read["grace"] == 5.0  # of two files only one is read

    monkeypatch.setenv(f"{ENV_PREFIX}_SEED", "2")
    assert (understood()["seed"], understood()["workers"]) == (2, 3)

    read = understood("--seed", "1", "--no-strict")
    assert (read["seed"], read["workers"], read["strict"]) == (1, 3, False)


def test_the_table_prevails_over_what_stands_at_the_top(tmp_path):
    file = put(tmp_path / "mock.toml", "seed = 1\nworkers = 2\n[serve]\nseed = 3\n")

    read = understood("--config", str(file))

    assert (read["seed"], read["workers"]) == (3, 2)


def test_a_folder_is_meant_from_where_the_file_is(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    gateway_in(elsewhere / "providers")
    file = put(elsewhere / "mock.toml", 'specs = "providers"\n')

    assert understood("--config", str(file))["folder"] == str(elsewhere / "providers")


def test_a_server_takes_them_from_a_project(tmp_path):
    put(
        tmp_path / "pyproject.toml",
        '[tool.imageparity]\nprovider = ["llmapi"]\nfreeze-time = 2026-05-04T12:00:00Z',
    )

    with serving(cwd=tmp_path, IMAGEPARITY_STRICT="on") as (_, ready):
        assert list(ready["providers"]) == ["llmapi"]
        assert post(ready, "llmapi").json["created"] == 1_777_896_000


def test_a_project_that_does_not_speak_of_us_is_none_of_our_business(tmp_path):
    put(tmp_path / "pyproject.toml", "[tool.other]\nport = 'x'\n")

    assert understood("--seed", "3")["seed"] == 3


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("prot = 1", ["'prot'", "known are", "log-format"]),
        ("as_json = true", ["'as_json'"]),
        ("config = 'x'", ["'config'"]),
        ("port = ", ["cannot be read"]),
        ("serve = 1", ["'serve'"]),
        ("[serve]\nport = '80'", ["'port'", '"80"', "65535"]),
        ("port = 65536", ["'port'", "65535"]),
        ("port = 80.5", ["'port'"]),
        ("workers = 0", ["'workers'", "from 1 to 64"]),
        ("strict = 'yes'", ["'strict'", "true or false"]),
        ("provider = 'openai'", ["'provider'", "list"]),
        ("payload = 'huge'", ["'payload'", "realistic"]),
        ("log-format = 'xml'", ["'log-format'", "json"]),
        ("latency = 'soon'", ["latency", "soon"]),
        ("latency = nan", ["latency"]),
        ("freeze-time = 'noon'", ["freeze-time", "noon"]),
        ("token = 'two words'", ["'token'", "spaces"]),
        ("cors = '*'", ["'cors'", "a list of texts"]),
        ("cors = ['here']", ["cors", "such as http://localhost:3000"]),
        ("public-url = 'here'", ["'public-url'", "^https?://"]),
        ("specs = 'nowhere'", ["specs", "nowhere"]),
        ("[serve.deeper]\nport = 1", ["'deeper'"]),
        ("serve = [1]", ["'serve'"]),
    ],
)
def test_a_file_that_makes_no_sense_is_one_line_and_2(tmp_path, text, mentions):
    file = put(tmp_path / "mock.toml", text)

    said, code = refusal("--config", str(file), cwd=tmp_path)

    assert code == 2
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    for mention in mentions:
        assert mention in said


@pytest.mark.parametrize("table", ["tool.imageparity", "tool.imageparity.serve"])
def test_a_project_that_makes_no_sense_is_refused_as_well(tmp_path, table):
    put(tmp_path / "pyproject.toml", f"[{table}]\nprot = 1")

    with pytest.raises(UsageError, match="'prot'"):
        understood()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "x"), ("WORKERS", "0"), ("STRICT", "perhaps"), ("PROVIDER", "nobody")],
)
def test_a_variable_that_makes_no_sense_is_one_line_and_2(tmp_path, variable, value):
    said, code = refusal(cwd=tmp_path, **{f"{ENV_PREFIX}_{variable}": value})

    assert code == 2
    assert said.count("\n") == 1
    assert value in said


def test_the_schema_is_printed_and_is_one():
    done = subprocess.run(
        [*SERVE, "--config-schema"], capture_output=True, check=True, text=True
    )

    schema = json.loads(done.stdout)

    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    assert judge.is_valid({"port": 1, "serve": {"port": 2}})
    for wrong in ({"prot": 1}, {"port": "1"}, {"serve": {"prot": 1}}, {"serve": 1}):
        assert not judge.is_valid(wrong)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("::1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.7", True),
    ],
)
def test_the_control_api_needs_a_token_where_other_machines_reach_it(address, expected):
    assert server.is_reachable(address) == expected


def test_a_token_opens_the_control_api():
    with serving("openai", "--token", "let-me-in") as (_, ready):
        assert ready["control_token"] == "let-me-in"
        assert control(ready, "/journal").status == 401
        assert control(ready, "/journal", X_Mock_Token="let-me-in").status == 200
        assert control(ready, "/journal", X_Mock_Token="let me in").status == 401


@pytest.mark.parametrize("token", ["two words", "schlüssel", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(token):
    said, code = refusal("--token", token)

    assert (code, said.count("\n")) == (2, 1)
    assert "--token" in said


def test_without_a_token_nothing_is_said_of_one():
    with serving("openai") as (_, ready):
        assert "control_token" not in ready
        assert control(ready, "/journal").status == 200


def test_limits_reach_the_server():
    with serving("openai", "--requests-per-minute", "2") as (_, ready):
        found = [post(ready, "openai").status for _ in range(3)]

    assert found == [200, 200, 429]


def test_a_latency_reaches_the_server():
    with serving("openai", "--latency", "120..121") as (_, ready):
        assert post(ready, "openai").status == 200
        (entry,) = control(ready, "/journal").json["entries"]

    assert entry["seconds"] >= 0.12


@pytest.mark.parametrize("text", ["soon", "-1", "9..3", "lognormal:1", "1e9"])
def test_a_latency_that_makes_no_sense_is_one_line_and_2(text):
    said, code = refusal("--latency", text)

    assert (code, said.count("\n")) == (2, 1)
    assert "--latency" in said
    assert text in said or "600000" in said


@pytest.mark.parametrize("format", ["none", "text", "json"])
def test_exchanges_are_logged_when_that_is_asked_for(format):
    with serving("openai", "--log-format", format) as (process, ready):
        assert post(ready, "openai", key="sk-very-secret-key").status == 200
        url = f"{ready['providers']['openai']}/images/generations"
        assert ask(url, body={}, key=None).status == 401
        process.terminate()
        _, errors, _ = ended(process)

    lines = errors.splitlines()
    assert len(lines) == (0 if format == "none" else 2)
    assert "very-secret" not in errors
    assert "paper boat" not in errors
    if format == "text":
        assert lines[0].endswith("POST /openai/v1/images/generations 200")
    if format == "json":
        good, bad = map(json.loads, lines)
        assert good["message"] == "POST /openai/v1/images/generations 200"
        assert (good["level"], good["logger"]) == ("info", "mockserver.access")
        assert (good["provider"], good["operation"]) == ("openai", "createImage")
        assert (good["status"], good["images"], good["error"]) == (200, 1, None)
        assert good["milliseconds"] > 0
        assert (bad["status"], bad["error"]) == (401, "unauthenticated")


def test_help_tells_of_variables_files_and_exit_statuses():
    context = click.Context(main, info_name="mockserver")

    text = serve.get_help(click.Context(serve, parent=context, info_name="serve"))

    for word in ("IMAGEPARITY_PORT", "[tool.imageparity]", "--config-schema", "143"):
        assert word in text
