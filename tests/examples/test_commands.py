"""The commands of the README and the documentation exist; the first program runs."""

import re
import shlex

import click
import pytest
from support.documentation import TEXT

import mockserver
from contracts.cli.main import main

BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
WORDS = re.compile(r"(?:\.venv/bin/)?imageparity (.*)")


def commands() -> list[str]:
    lines = [line for block in BLOCKS for line in _joined(block).splitlines()]
    inline = re.findall(r"`((?:\.venv/bin/)?imageparity [^`]+)`", TEXT)
    found = [WORDS.match(line.strip()) for line in [*lines, *inline]]
    return sorted({each[1].partition("#")[0].strip() for each in found if each})


def _joined(block: str) -> str:
    """A block of shell commands with one line per command."""
    return re.sub(r"\\\n\s*", "", block)


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_documentation_is_understood(line, tmp_path, monkeypatch):
    """The command exists and takes these options and arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "providers").mkdir()
    for name in ("openapi.json", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    verb, *words = shlex.split(line.replace("|", " ").replace("…", ""))
    context = click.Context(main)
    command = main.get_command(context, verb)

    assert command is not None, verb
    if verb == "completion":
        words = words[:1]
    if words:  # else it is only mentioned
        command.make_context(verb, words, parent=context)


def test_there_are_commands_to_look_at():
    assert len(commands()) > 12


def test_the_first_program_runs(capsys):
    (program,) = re.findall(
        r"```python\n(from openai import OpenAI\n.*?)```", TEXT, re.DOTALL
    )[:1]
    with mockserver.running("tokenhub") as mock:
        here = program.replace("http://127.0.0.1:8080", mock.url)
        exec(compile(here, "README.md", "exec"), scope := {})
        scope["client"].close()

    assert capsys.readouterr().out.startswith("data:image/png;base64,")
