"""The image and the compose file: as sound as can be told without a container."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT

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


@pytest.mark.parametrize("token", ["", "as-one-that-was-drawn"])
def test_its_command_serves_where_it_says_and_is_found_healthy(image, variables, token):
    assert variables["IMAGEPARITY_HOST"] == "0.0.0.0"
    assert variables["IMAGEPARITY_PORT"] == image["EXPOSE"]
    check = json.loads(image["HEALTHCHECK"].partition("CMD ")[2])
    assert check[0] == "python"
    here = {
        "IMAGEPARITY_HOST": "127.0.0.1",
        "IMAGEPARITY_PORT": str(free_port()),
        "IMAGEPARITY_TOKEN": token,
    }
    environment = {**os.environ, **here}
    probe = [sys.executable, *check[1:]]
    process = subprocess.Popen(
        command(image), stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        first = process.stdout.readline()
        healthy = subprocess.run(probe, check=False, env=environment, timeout=60)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    gone = subprocess.run(
        probe, check=False, env=environment, timeout=60, stderr=subprocess.DEVNULL
    )

    assert f"http://127.0.0.1:{here['IMAGEPARITY_PORT']}" in first
    assert process.returncode == 0
    assert healthy.returncode == 0
    assert gone.returncode != 0


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
