"""The image and the compose file: as sound as can be told without a container."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT

from mockserver.cli.common import DEFAULT_PORT
from mockserver.cli.serve import serve

pytestmark = pytest.mark.slow

DOCKER = ROOT / ".github" / "docker"


@pytest.fixture(scope="module")
def instructions():
    """Word and rest of each instruction, without comments and with lines joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(each.split(maxsplit=1)) for each in lines.splitlines() if each]


@pytest.fixture(scope="module")
def image(instructions):
    """The instructions of the last stage by word, the last of each."""
    begun = [at for at, (word, _) in enumerate(instructions) if word == "FROM"]
    return dict(instructions[begun[-1] :])


@pytest.fixture(scope="module")
def variables(image):
    return dict(each.split("=", 1) for each in image["ENV"].split())


def test_the_linter_finds_nothing():
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed: it comes with the development group")

    done = subprocess.run(
        [program, str(DOCKER / "Dockerfile")],
        capture_output=True,
        check=False,
        text=True,
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_nobody_is_root(image):
    user, _, group = image["USER"].partition(":")

    assert int(user) > 0
    assert int(group) > 0
    assert f"--uid {user} " in image["RUN"]


def test_it_is_built_from_this_checkout_and_no_tools_stay(instructions, image):
    copied = [
        rest.split()[:-1]
        for word, rest in instructions
        if word == "COPY" and "--from" not in rest
    ]
    for path in (name for names in copied for name in names):
        assert (ROOT / path).exists()
    kept = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for names in copied for name in names} <= set(kept)
    assert kept[0] == "*"
    assert image["COPY"].startswith("--from=build ")
    assert any("--without-pip" in rest for _, rest in instructions)
    assert "pip uninstall" in image["RUN"]


def command(image):
    """The command of the container, run outside of it."""
    words = json.loads(image["ENTRYPOINT"]) + json.loads(image["CMD"])
    assert words[0] == "imageparity"
    return [sys.executable, "-m", "contracts", *words[1:]]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def container(image, variables, folder, *words, **environment):
    """
    The command of the container with `words`, and its health check.

    Both have the variables of the image, but listen on and write to this machine's
    own places. Yields the process and a function that returns the status of a check.
    """
    here = {
        **os.environ,
        **{name: each for name, each in variables.items() if name != "PATH"},
        "IMAGEPARITY_HOST": "127.0.0.1",
        "IMAGEPARITY_URL_FILE": str(folder / "imageparity.url"),
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    program, *check = json.loads(image["HEALTHCHECK"].partition("CMD ")[2])
    assert program == "imageparity"
    probe = [sys.executable, "-m", "contracts", *check]

    def health():
        return subprocess.run(
            probe, check=False, capture_output=True, env=here, timeout=60, text=True
        )

    process = subprocess.Popen(
        [*command(image), *words],
        stdout=subprocess.PIPE,
        text=True,
        env=here,
        cwd=folder,
    )
    try:
        yield process, health
    finally:
        process.kill()
        process.communicate()


# How the port is set: options, files of the folder, and variables.
PORTS = {
    "an option": (["--port", "FREE"], {}, {}),
    "any free port": (["--port", "0"], {}, {}),
    "all addresses": (["--port", "FREE", "--host", "0.0.0.0"], {}, {}),
    "a file": (["--config", "mock.toml"], {"mock.toml": "port = FREE"}, {}),
    "a project": ([], {"pyproject.toml": "[tool.imageparity]\nport = FREE"}, {}),
    "a variable": ([], {}, {"IMAGEPARITY_PORT": "FREE"}),
    "a file by a variable": (
        [],
        {"mock.toml": "[serve]\nport = FREE"},
        {"IMAGEPARITY_CONFIG": "mock.toml"},
    ),
    "workers": (["--port", "FREE", "--workers", "2"], {}, {}),
    "a token": (["--port", "FREE"], {}, {"IMAGEPARITY_TOKEN": "a-token"}),
}


@pytest.mark.parametrize("how", PORTS)
def test_its_health_check_finds_the_server_on_any_port(image, variables, tmp_path, how):
    setting = json.dumps(PORTS[how]).replace("FREE", str(free_port()))
    words, files, environment = json.loads(setting)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with container(image, variables, tmp_path, *words, **environment) as (
        process,
        health,
    ):
        first = process.stdout.readline()
        healthy = health()
        process.terminate()
        process.communicate(timeout=60)
    gone = health()

    assert (healthy.returncode, healthy.stderr) == (0, "")
    assert healthy.stdout.split()[0] in first
    assert process.returncode == 0
    assert gone.returncode == 1
    assert "no server is running" in gone.stderr
    assert not list(tmp_path.glob("*.url"))


def test_a_server_that_was_killed_or_hangs_is_not_healthy(image, variables, tmp_path):
    with container(image, variables, tmp_path, "--port", "0") as (process, health):
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        hanging = health()
        process.kill()
        process.communicate(timeout=60)
    gone = health()

    assert (hanging.returncode, gone.returncode) == (1, 1)
    assert "no server responds at http://127.0.0.1:" in gone.stderr


def test_the_image_listens_where_it_says(image, variables):
    assert variables["IMAGEPARITY_HOST"] == "0.0.0.0"
    assert image["EXPOSE"] == str(DEFAULT_PORT)
    assert "IMAGEPARITY_PORT" not in variables  # it would override a --config file
    assert variables["IMAGEPARITY_URL_FILE"].startswith("/dev/shm/")


@pytest.fixture(scope="module")
def service():
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    (found,) = compose["services"].values()
    return found


def test_compose_builds_this_image(service):
    context = (DOCKER / service["build"]["context"]).resolve()

    assert context == ROOT
    assert context / service["build"]["dockerfile"] == DOCKER / "Dockerfile"


def test_compose_asks_for_what_there_is(service, image, monkeypatch):
    for name in service["environment"]:
        monkeypatch.delenv(name, raising=False)
        assert name in [each.envvar for each in serve.params]
    verb, *arguments = service["command"]
    assert verb == serve.name

    assert serve.make_context(verb, arguments).params["log_format"] == "json"


def test_compose_opens_the_port_to_this_machine_alone(service, image):
    (port,) = service["ports"]

    host, _, inside = port.rpartition(":")
    assert host.startswith("127.0.0.1:")
    assert inside == image["EXPOSE"]


def test_compose_gives_it_no_more_than_it_needs(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert "user" not in service
