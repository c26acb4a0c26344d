"""The README's commands are commands, and its first client program runs."""

import re
import shlex
from pathlib import Path

import click
import pytest

import mockserver
from contracts.cli.main import main

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
WORDS = re.compile(r"(?:\.venv/bin/)?imageparity (.*)")


def commands() -> list[str]:
    lines = [line for block in BLOCKS for line in block.splitlines()]
    inline = re.findall(r"`((?:\.venv/bin/)?imageparity [^`]+)`", README)
    found = [WORDS.match(line.strip()) for line in [*lines, *inline]]
    return sorted({each[1].partition("#")[0].strip() for each in found if each})


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_is_understood(line, tmp_path, monkeypatch):
    """Its verb is there, and its options and arguments are what the verb takes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tapes").mkdir()
    (tmp_path / "providers").mkdir()
    verb, *words = shlex.split(line.replace("|", " ").replace("…", ""))
    context = click.Context(main)
    command = main.get_command(context, verb)

    assert command is not None, verb
    if verb == "completion":
        words = words[:1]
    if words:  # else it is only spoken of
        command.make_context(verb, words, parent=context)


def test_there_are_commands_to_look_at():
    assert len(commands()) > 12


def test_the_first_program_runs(capsys):
    (program,) = re.findall(
        r"```python\n(from openai import OpenAI\n.*?)```", README, re.DOTALL
    )[:1]
    with mockserver.running("tokenhub") as mock:
        here = program.replace("http://127.0.0.1:8080", mock.url)
        exec(compile(here, "README.md", "exec"), scope := {})
        scope["client"].close()

    assert capsys.readouterr().out.startswith("data:image/png;base64,")
