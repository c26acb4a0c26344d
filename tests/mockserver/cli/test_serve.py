"""`mockserver serve` from the outside: its first line, its options, its end."""

import socket
import subprocess

import pytest
from click.testing import CliRunner
from support.http import ask, generation
from support.processes import SERVE, ended, gateway_in, post, refusal, serving
from support.providers import IMAGE_PROVIDERS

import specs
from mockserver.cli.main import main
from mockserver.cli.serve_output import ServeOutput

pytestmark = pytest.mark.slow


def test_the_first_line_is_for_programs():
    with serving() as (_, ready):
        expected = {
            name: f"{ready['url']}/{name}{specs.load(name).base_path}"
            for name in specs.names()
        }

        assert ready == {"event": "ready", "url": ready["url"], "providers": expected}
        assert ready["url"].startswith("http://127.0.0.1:")
        for base_url in expected.values():
            assert base_url.startswith(ready["url"])
        for name in IMAGE_PROVIDERS:
            assert post(ready, name).status == 200


def test_only_those_named_are_served_and_in_that_order():
    with serving("tokenhub", "openai", "tokenhub") as (_, ready):
        assert list(ready["providers"]) == ["tokenhub", "openai"]
        assert (
            ask(f"{ready['url']}/tikhub/v1/images/generations", body={}).status == 404
        )


def test_without_json_it_speaks_to_people():
    process = subprocess.Popen(
        [*SERVE, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = [process.stdout.readline() for _ in range(1 + len(specs.names()))]
    finally:
        process.terminate()
        _, _, code = ended(process)

    count = len(specs.names())
    assert lines[0].startswith(f"Serving {count} provider(s) at http://127.0.0.1:")
    assert [line.split()[0] for line in lines[1:]] == list(specs.names())
    assert code == 0


def test_the_urls_are_for_clients_on_this_machine():
    with serving("tokenhub", "--host", "0.0.0.0") as (_, ready):
        assert ready["url"].startswith("http://127.0.0.1:")
        assert ready["providers"]["tokenhub"].startswith(ready["url"])
        assert post(ready, "tokenhub").status == 200


@pytest.mark.parametrize(
    ("host", "shown", "more"),
    [
        ("127.0.0.1", "127.0.0.1", ""),
        ("::1", "[::1]", ""),
        ("0.0.0.0", "127.0.0.1", ", on all addresses of this machine"),
        ("::", "[::1]", ", on all addresses of this machine"),
    ],
)
def test_it_says_that_it_listens_on_all_addresses(capsys, host, shown, more):
    entries = specs.find_all(["openai"])
    ServeOutput(entries, (host, 80), None, as_json=False).print_ready()

    first, *_, last = capsys.readouterr().out.splitlines()
    assert (
        first == f"Serving 1 provider(s) at http://{shown}:80{more}; stop with Ctrl-C."
    )
    assert last == f"Inspector: http://{shown}:80/__mock__/"


def test_workers_believe_each_others_addresses():
    """A picture's address leads to either worker; both can draw it."""
    with serving("--workers", "2", "tikhub") as (_, ready):
        base_url, provider = ready["providers"]["tikhub"], specs.load("tikhub")
        body = generation(provider, response_format="url")
        answer = ask(f"{base_url}/images/generations", body=body)
        url = answer.json["data"][0]["url"]

        found = {ask(url, method="GET", key=None).status for _ in range(30)}

    assert found == {200}


def test_a_port_in_use_is_one_line_and_2():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said, code = refusal("--port", str(port))

    assert code == 2
    assert said.count("\n") == 1
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_an_unknown_provider_is_2_and_the_known_are_named():
    said, code = refusal("nobody")

    assert code == 2
    for name in ("nobody", *specs.names()):
        assert name in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--freeze-time", "noon"),
        ("--freeze-time", ""),
        ("--state", "disk"),
        ("--state", "redis://127.0.0.1:1/0"),
        ("--host", "no.such.host.invalid"),
        ("--config", "no-such-file.toml"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_line_and_2(arguments):
    said, code = refusal("--port", "0", *arguments)

    assert code == 2
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("--port", "70000"), ("--workers", "0"), ("--no-such-option",), ("--seed", "x")],
)
def test_a_wrong_option_is_2(arguments):
    said, code = refusal(*arguments)

    assert code == 2
    assert arguments[0] in said
    assert "Traceback" not in said


def test_the_clock_can_be_stopped():
    with serving("--freeze-time", "2026-05-04T12:00:00Z", "openai") as (_, ready):
        answer = post(ready, "openai")

    assert answer.json["created"] == 1_777_896_000


def test_the_same_seed_gives_the_same_pictures_in_another_process():
    def drawn(seed):
        with serving("--seed", seed, "openai") as (_, ready):
            return post(ready, "openai").json["data"]

    one = drawn("7")

    assert one == drawn("7")
    assert one != drawn("8")


def test_a_strict_server_refuses_what_is_left_open():
    with serving("--strict", "llmapi") as (_, ready):
        body = generation(specs.load("llmapi"), n=11)
        answer = ask(f"{ready['providers']['llmapi']}/images/generations", body=body)

    assert answer.status == 400


@pytest.fixture
def gateway(tmp_path):
    return gateway_in(tmp_path / "specs")


def test_a_folder_of_ones_own_is_served(gateway):
    with serving("--specs", str(gateway.parent)) as (_, ready):
        assert list(ready["providers"]) == [*specs.names(), "gateway"]
        answer = ask(
            f"{ready['providers']['gateway']}/images/generations",
            body={"model": "gpt-image-2", "prompt": "x"},
        )

    assert answer.status == 200


def test_a_folder_of_ones_own_is_found_by_the_environment(gateway):
    with serving("gateway", SPECS_PATH=str(gateway.parent)) as (_, ready):
        assert list(ready["providers"]) == ["gateway"]


def test_a_folder_that_cannot_be_understood_is_one_line_and_2(gateway):
    file = gateway / "openapi.yaml"
    text = file.read_text(encoding="utf-8").replace("x-basis", "x-bassis")
    file.write_text(text, encoding="utf-8")

    said, code = refusal("--specs", str(gateway.parent), "gateway")

    assert code == 2
    assert "unknown keyword 'x-bassis'" in said
    assert str(file) in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "dialect.yaml",
            "delivery:",
            "delivry:",
            "#/delivry: unknown key 'delivry'. Did you mean 'delivery'? Known are: ",
        ),
        (
            "openapi.yaml",
            "required: [model, prompt]",
            "required: [model, promt]",
            "/required/1: `required` names 'promt', which has no property. Did ",
        ),
    ],
)
def test_a_misspelt_name_is_told_with_its_place(gateway, name, old, new, said):
    file = gateway / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")

    err, status = refusal("--specs", str(gateway.parent), "gateway")

    assert status == 2
    assert err.startswith(f"Error: {file}#")
    assert said in err
    assert err.count("\n") == 1


def test_both_commands_explain_themselves():
    for arguments in (["--help"], ["serve", "--help"]):
        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 0
        assert "Usage:" in result.output
