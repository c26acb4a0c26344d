"""The small commands: what they print can be used as it is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.processes import gateway_in

import specs
from contracts.cli.main import COMMANDS, main
from mockserver.cli import main as mock
from mockserver.simulation.faults import FAULTS

pytestmark = pytest.mark.slow


def said(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_escape_sequence(command):
    assert "\\" not in said(command, "--help")


def test_every_fault_is_told_with_its_sentence():
    text = " ".join(said("faults").split())

    for fault in FAULTS.values():
        assert f" {fault.name} {' '.join(fault.description.split())}" in text


def test_every_error_is_told_by_operation(provider):
    text = " ".join(said("faults", provider.id).split())

    for operation in provider.operations.values():
        errors = ", ".join(sorted(operation.errors))
        assert f"{provider.id} {operation.id} {errors}" in text
    others = set(specs.names()) - {provider.id}
    assert not [each for each in others if f"{each} create" in text]


def test_faults_says_how_to_ask():
    text = said("faults")

    for word in ("/__mock__/script/", "X-Mock-Fault", "[[mock:NAME]]", "mock-NAME"):
        assert word in text


URL, KEY = "http://127.0.0.1:9/it's $HOME", "a\"b\\c'd $(id) `id` !x"


def test_env_gives_the_two_variables(provider):
    base_url = f"http://127.0.0.1:8080/{provider.id}{provider.base_path}"

    assert said("env", provider.id).splitlines() == [
        f"export OPENAI_BASE_URL={base_url}",
        "export OPENAI_API_KEY=test",
    ]


@pytest.mark.parametrize(
    "shell", [each for each in ("sh", "bash", "dash", "zsh") if shutil.which(each)]
)
def test_a_shell_reads_them_back_whatever_is_in_them(shell):
    script = said("env", "tokenhub", "--url", URL, "--key", KEY)
    names = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
    asks = "import os; " + "; ".join(f"print(os.environ['{each}'])" for each in names)

    done = subprocess.run(
        [shell, "-c", f'{script}exec "{sys.executable}" -c "{asks}"'],
        capture_output=True,
        check=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )

    assert done.stdout.splitlines() == [f"{URL}/tokenhub/api/v1", KEY]


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("fish", "set -gx OPENAI_API_KEY 'it\\'s \\\\ \"$x\"'"),
        ("powershell", "$env:OPENAI_API_KEY = 'it''s \\ \"$x\"'"),
        ("dotenv", 'OPENAI_API_KEY="it\'s \\\\ \\"$x\\""'),
    ],
)
def test_other_shells_have_their_own_quotes(shell, line):
    text = said("env", "tokenhub", "--key", 'it\'s \\ "$x"', "--shell", shell)

    assert text.splitlines()[1] == line


def test_a_plain_value_stands_plain_in_a_dotenv_file():
    """Docker's --env-file keeps quotes as they are."""
    assert said("env", "tokenhub", "--shell", "dotenv").splitlines() == [
        "OPENAI_BASE_URL=http://127.0.0.1:8080/tokenhub/api/v1",
        "OPENAI_API_KEY=test",
    ]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_refused(url):
    assert "--url" in refused("env", "tokenhub", "--url", url)


def test_a_line_break_cannot_slip_into_a_script():
    assert "printable" in refused("env", "tokenhub", "--key", "a\nid")


def test_env_knows_a_gateway_of_ones_own(tmp_path):
    gateway_in(tmp_path)

    text = said("env", "gateway", "--specs", str(tmp_path))

    assert "http://127.0.0.1:8080/gateway/api/v1" in text
    assert "'gateway'" in refused("env", "'gateway'")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_asks_us(shell):
    text = said("completion", shell)

    assert f"_IMAGEPARITY_COMPLETE={shell}_complete" in text


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """Ask as the script does: the program is called by its name."""
    program = tmp_path / "imageparity"
    program.write_text(
        f"#!{sys.executable}\nfrom contracts.cli.main import main\nmain()\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))

    def asked(*words, **environment):
        done = subprocess.run(
            [str(program)],
            capture_output=True,
            check=True,
            text=True,
            env={
                **os.environ,
                "_IMAGEPARITY_COMPLETE": "bash_complete",
                "COMP_WORDS": " ".join(["imageparity", *words]).rstrip(),
                "COMP_CWORD": str(len(words)),
                **environment,
            },
        )
        lines = filter(None, done.stdout.splitlines())
        return [each.partition(",")[2] for each in lines]

    return asked


def test_verbs_options_and_providers_are_completed(complete, tmp_path):
    gateway_in(tmp_path / "more")

    def shipped(start):
        return [each for each in specs.names() if each.startswith(start)]

    assert complete("s") == ["serve", "sources", "show", "schema", "sandwich"]
    assert complete("serve", "t") == shipped("t")
    assert complete("env", "to") == shipped("to")
    assert complete("serve", "--freeze") == ["--freeze-time"]
    more = {"SPECS_PATH": str(tmp_path / "more")}
    assert complete("serve", "ga", **more) == ["gateway"]
    assert complete("serve", "--specs", str(tmp_path / "more"), "ga") == ["gateway"]
    assert complete("serve", "ga", SPECS_PATH="/nowhere") == []


@pytest.mark.parametrize("group", [main, mock.main])
def test_the_list_of_verbs_imports_none_of_them(group):
    script = (
        "import sys\n"
        f"from {'contracts' if group is main else 'mockserver'}.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n"
        "    print('\\n', sorted({'rich', 'aiohttp', 'hypothesis'} & {*sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )

    assert done.stdout.splitlines()[-1].strip() == "[]"
    for verb in group.list_commands(None):
        assert re.search(rf"^  {verb} +[A-Z].*\.$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_is_there_and_explains_itself(verb):
    assert "Usage:" in said(verb, "--help")


def test_a_misspelt_verb_is_answered_with_the_nearest():
    assert "Did you mean 'serve'?" in refused("serv")
    assert "Did you mean" not in refused("zzz")


def test_an_unknown_verb_is_one_line_and_2():
    assert "'nonsense'" in refused("nonsense")
