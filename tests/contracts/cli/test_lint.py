"""Problems in provider definitions are reported with file and line."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.paths import ROOT

import specs
from contracts.cli.main import main
from contracts.report.source_lines import SourceLines

SHIPPED = ROOT / "specs" / "tokenhub"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A valid provider in the working directory."""
    shutil.copytree(SHIPPED, tmp_path / "providers" / "mine")
    monkeypatch.chdir(tmp_path)
    return Path("providers", "mine")


def lint(*words):
    done = CliRunner().invoke(main, ["lint", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def rewritten(file: Path, old: str, new: str) -> int:
    """Replace the first `old` by `new`; return its line number."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_providers_have_no_problems():
    assert lint() == (0, "5 providers: no problems\n", "")


@pytest.mark.parametrize(
    "path", [".", "mine", "mine/openapi.yaml", "mine/dialect.yaml"]
)
def test_a_provider_is_found_by_a_file_in_its_folder(mine, path):
    assert lint(mine.parent / path) == (0, "1 provider: no problems\n", "")


def test_a_provider_is_found_by_the_specs_option(mine):
    assert lint("--specs", mine.parent)[1] == "1 provider: no problems\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("openapi.yaml", "      x-source: S4#model", "      x-sauce: S4", "x-sauce"),
        ("openapi.yaml", "#/components/responses/Images", "#/nowhere", "unresolved"),
        ("openapi.yaml", "openapi: 3.1.0", "openapi: [", "is not YAML"),
        ("dialect.yaml", "title: TokenHub", "title: 5", "5 is not of type"),
    ],
)
def test_a_problem_is_one_line_with_file_and_line(mine, file, old, new, said):
    line = rewritten(mine / file, old, new)

    status, out, err = lint(mine)

    assert (status, out, err.count("\n")) == (1, "", 1)
    if "not YAML" not in said:  # where the parser gave up is another line
        assert err.startswith(f"{mine / file}:{line}: ")
    assert said in err


def test_a_file_that_is_missing_is_named(mine):
    (mine / "dialect.yaml").unlink()

    assert lint(mine) == (1, "", f"{mine}/dialect.yaml:1: is missing\n")


def test_a_document_without_a_valid_request_is_a_problem(mine):
    rewritten(
        mine / "openapi.yaml", "required: [", "maxProperties: 0\n      required: ["
    )

    status, _, err = lint(mine)

    assert status == 1
    assert "the minimal request is invalid" in err


@pytest.mark.parametrize("name", ["openapi.yaml", "sources.yaml"])
def test_an_unrelated_file_is_skipped(tmp_path, name):
    (tmp_path / name).write_text("openapi: 3.0.0\n")

    assert lint(tmp_path / name) == (0, "0 providers: no problems\n", "")


def test_a_path_without_a_provider_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    for path in (tmp_path, tmp_path / "notes.txt"):
        status, _, err = lint(path)
        assert (status, err.count("\n")) == (2, 1)


def test_every_shipped_claim_has_its_line(provider):
    lines = SourceLines.from_file(provider.file)
    text = Path(provider.file).read_text(encoding="utf-8").splitlines()

    for claim in specs.claims(provider):
        assert lines.has(claim.pointer), claim
        word = claim.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        line = text[lines.line_of(claim.pointer) - 1]
        if claim.pointer:
            assert word in line or line.lstrip().startswith("-"), claim


names = st.text("ab/~0 é", min_size=1, max_size=4)
trees = st.recursive(
    st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(tree=st.dictionaries(names, trees, min_size=1, max_size=3))
def test_a_part_is_found_at_the_line_where_it_is_written(tree):
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=False)
    lines, written = SourceLines(text), text.splitlines()

    for pointer, key, value in parts(tree, ""):
        line = written[lines.line_of(pointer) - 1]
        assert lines.has(pointer)
        if key is not None:
            assert yaml.safe_dump(key, allow_unicode=True).split("\n")[0] in line
        if not isinstance(value, (dict, list)):
            assert lines.text(pointer) == str(value)
            assert str(value) in line
        assert not lines.has(f"{pointer}/none")
        assert lines.line_of(f"{pointer}/none") == lines.line_of(pointer)


def parts(node, pointer):
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        step = str(key).replace("~", "~0").replace("/", "~1")
        yield f"{pointer}/{step}", key if isinstance(node, dict) else None, value
        if isinstance(value, (dict, list)):
            yield from parts(value, f"{pointer}/{step}")


def test_invalid_yaml_has_line_1():
    assert SourceLines("a: [").line_of("/a/0") == 1
    assert not SourceLines("a: [").has("/a")
    assert SourceLines.from_file("/nowhere").line_of("/a") == 1


@pytest.fixture(scope="module")
def hook():
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return found


def test_the_hook_runs_on_the_files_it_is_given(hook, mine):
    """Its entry is split into words as pre-commit does; changed files follow."""
    files = [mine / "openapi.yaml", mine / "dialect.yaml", Path("README.md")]
    chosen = [str(each) for each in files if re.search(hook["files"], str(each))]
    program, *words = hook["entry"].split()
    command = [str(Path(sys.executable).parent / program), *words, *chosen]
    sound = subprocess.run(command, capture_output=True, text=True, check=False)
    rewritten(mine / "dialect.yaml", "title: TokenHub", "title: 5")
    broken = subprocess.run(command, capture_output=True, text=True, check=False)

    assert chosen == [str(each) for each in files[:2]]
    assert (hook["id"], hook["language"]) == ("imageparity-specs", "python")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "providers/mine/dialect.yaml:" in broken.stderr
