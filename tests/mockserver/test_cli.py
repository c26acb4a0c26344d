"""`mockserver serve` from the outside: its first line, its options, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from asking import ask, eventually, generation
from click.testing import CliRunner

import specs
from mockserver.cli import main

SERVE = [sys.executable, "-W", "error", "-m", "mockserver", "serve"]


@contextmanager
def serving(*options, **environment):
    """A server process, and the first line that it wrote."""
    process = subprocess.Popen(
        [*SERVE, "--json", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def refusal(*arguments):
    """What is said, and the exit status, when it does not come to serving."""
    done = subprocess.run(
        [*SERVE, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    return done.stderr, done.returncode


def ended(process):
    """Everything still written, and the exit status."""
    out, err = process.communicate(timeout=60)
    return out + err, process.returncode


def post(base_url, name):
    body = generation(specs.load(name))
    return ask(f"{base_url}/images/generations", body=body)


def test_the_first_line_is_for_programs():
    with serving() as (_, ready):
        expected = {
            name: f"{ready['url']}/{name}{specs.load(name).base_path}"
            for name in specs.names()
        }

        assert ready == {"event": "ready", "url": ready["url"], "providers": expected}
        assert ready["url"].startswith("http://127.0.0.1:")
        for name, base_url in expected.items():
            assert post(base_url, name).status == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(how):
    with serving("tokenhub") as (process, ready):
        assert post(ready["providers"]["tokenhub"], "tokenhub").status == 200

        process.send_signal(how)

        assert ended(process) == ("", 0)


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
        _, code = ended(process)

    assert lines[0].startswith("Serving 5 provider(s) at http://127.0.0.1:")
    assert [line.split()[0] for line in lines[1:]] == list(specs.names())
    assert code == 0


def children_of(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(each) for each in found.split()]


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(") ")[1][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_two_workers_serve_and_die_with_their_parent(how):
    with serving("--workers", "2", "openai") as (process, ready):
        (child,) = children_of(process.pid)
        for _ in range(20):
            assert post(ready["providers"]["openai"], "openai").status == 200

        process.send_signal(how)

        process.wait(timeout=60)
        eventually(lambda: not is_alive(child))
        with pytest.raises(ConnectionRefusedError):
            post(ready["providers"]["openai"], "openai")


def test_workers_believe_each_others_addresses():
    """A picture's address leads to either worker; both can draw it."""
    with serving("--workers", "2", "tikhub") as (_, ready):
        answer = post(ready["providers"]["tikhub"], "tikhub")
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
        answer = post(ready["providers"]["openai"], "openai")

    assert answer.json["created"] == 1_777_896_000


def test_the_same_seed_gives_the_same_pictures_in_another_process():
    def drawn(seed):
        with serving("--seed", seed, "openai") as (_, ready):
            return post(ready["providers"]["openai"], "openai").json["data"]

    one = drawn("7")

    assert one == drawn("7")
    assert one != drawn("8")


def test_a_strict_server_refuses_what_is_left_open():
    with serving("--strict", "llmapi") as (_, ready):
        body = generation(specs.load("llmapi"), n=11)
        answer = ask(f"{ready['providers']['llmapi']}/images/generations", body=body)

    assert answer.status == 400


def test_options_can_come_from_a_file(tmp_path):
    """Written as on the command line; the command line prevails."""
    config = tmp_path / "mock.toml"
    config.write_text(
        'provider = ["llmapi"]\nstrict = true\nseed = 3\n'
        "freeze-time = 2026-05-04T12:00:00Z\n",
        encoding="utf-8",
    )

    with serving("--config", str(config)) as (_, ready):
        url = f"{ready['providers']['llmapi']}/images/generations"
        provider = specs.load("llmapi")
        refused = ask(url, body=generation(provider, n=11))
        served = ask(url, body=generation(provider))
    with serving("--config", str(config), "tokenhub") as (_, other):
        named = list(other["providers"])

    assert (refused.status, served.json["created"]) == (400, 1_777_896_000)
    assert named == ["tokenhub"]


def test_a_file_may_keep_its_options_in_a_section(tmp_path):
    config = tmp_path / "mock.toml"
    config.write_text('[serve]\nprovider = ["llmapi"]\n', encoding="utf-8")

    with serving("--config", str(config)) as (_, ready):
        assert list(ready["providers"]) == ["llmapi"]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("prot = 1", "'prot'"),
        ("as_json = true", "'as_json'"),
        ("config = 'x'", "'config'"),
        ("port = ", "cannot be read"),
        ("serve = 1", "'serve'"),
    ],
)
def test_a_file_that_makes_no_sense_is_one_line_and_2(tmp_path, text, mentions):
    config = tmp_path / "mock.toml"
    config.write_text(text, encoding="utf-8")

    said, code = refusal("--config", str(config))

    assert code == 2
    assert mentions in said
    assert said.count("\n") == 1


@pytest.fixture
def gateway(tmp_path):
    """A user's own gateway: a copy of a folder that ships, under a name of its own."""
    source = Path(specs.__file__).parent / "tokenhub"
    folder = tmp_path / "specs" / "gateway"
    folder.mkdir(parents=True)
    for each in source.glob("*.yaml"):
        text = each.read_text(encoding="utf-8").replace("TokenHub", "My Gateway")
        (folder / each.name).write_text(text, encoding="utf-8")
    return folder


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
    assert "unknown word 'x-bassis'" in said
    assert str(file) in said
    assert said.count("\n") == 1


def test_both_commands_explain_themselves():
    for arguments in (["--help"], ["serve", "--help"]):
        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 0
        assert "Usage:" in result.output
