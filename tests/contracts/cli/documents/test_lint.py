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
    assert lint() == (0, f"{len(specs.names())} providers: no problems\n", "")


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


MISTAKES = {
    "openapi.yaml": [
        ("openapi: 3.1.0", "openapi: 3.0.3", "OpenAPI 3.0.3 is not supported"),
        ("createImage\n", "generateImage\n", "Did you mean 'createImage'?"),
        ("x-source: S4#model", "x-source: M7#model", "unknown source 'M7'"),
        ("default: 1024x1024", "default: ultra", "the default 'ultra' is not valid"),
        ("default: 1\n", "default: 0\n", "the default '0' is not valid here"),
        (
            "type: integer\n      minimum: 1",
            "type: int\n      minimum: 1",
            "'integer'?",
        ),
        ("[model, prompt]", "[model, promt]", "`required` names 'promt'"),
        ("      minimum: 0\n", "      minimun: 0\n", "Did you mean 'minimum'?"),
        ("rate_limited:\n", "ratelimited:\n", "the error 'rate_limited' is missing"),
        ("x-basis: assumed", "x-basis: gessed", "unknown basis 'gessed'"),
        ("name: size-as-asked", "name: size-as-ask", "Did you mean 'size-as-asked'?"),
        ("  description: >-", "  descripton: >-", "unknown key 'descripton' (info)"),
        ("        required: true", "        requird: true", "Did you mean 'required'?"),
        ("      summary: P", "      sumary: P", "Did you mean 'summary'?"),
        ("scheme: bearer", "scheme: basic", "'http basic' is not supported"),
    ],
    "dialect.yaml": [
        ("delivery:", "delivry:", "Did you mean 'delivery'?"),
        ("title: TokenHub", "title: 5", "5 is not of type"),
        ("source: S4#api-key", "source: M8", "unknown source 'M8'"),
    ],
}


def test_all_problems_of_all_files_are_found_at_once(mine):
    expected = []
    for name, mistakes in MISTAKES.items():
        for old, new, said in mistakes:
            line = rewritten(mine / name, old, new)
            expected.append((f"{mine / name}:{line}: ", said))
    (mine / "sources.yaml").write_text("S4: {titel: My page}\n", encoding="utf-8")
    expected.append((f"{mine}/sources.yaml:1: ", "Did you mean 'title'?"))

    status, out, err = lint(mine)

    assert (status, out) == (1, "")
    lines = [each for each in err.splitlines() if not each.startswith("    ")]
    for place, said in expected:
        anywhere = [each for each in lines if said in each]
        assert anywhere, said
        if "is missing" not in said:  # a missing part is named where it would be
            assert any(each.startswith(place) for each in anywhere), (place, anywhere)
    causes = [said for _, said in expected]
    assert [each for each in lines if not any(c in each for c in causes)] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "pasted"),
    [
        ("openapi.yaml", "createImage\n", "images\n", "operationId: createImage"),
        (
            "openapi.yaml",
            "      operationId: createImage\n",
            "",
            "operationId: createImage",
        ),
        ("openapi.yaml", "openapi: 3.1.0", "openapi: 3.0.3", "openapi: 3.1.0"),
        ("openapi.yaml", "api/v1", "v1", "url: https://tokenhub.store/api/v1"),
        (
            "openapi.yaml",
            "  - bearer: []",
            "  - beare: []",
            "beare: {type: http, scheme: bearer}",
        ),
        ("dialect.yaml", "model: gpt-image-2\n", "", "model: gpt-image-1"),
        ("dialect.yaml", "S4#response", "M1", "M1: {grade: DOC, date: "),
        (
            "openapi.yaml",
            "rate_limited:\n",
            "limited:\n",
            "rate_limited: {value: {error: {message: ",
        ),
    ],
)
def test_a_line_to_paste_follows_a_problem(mine, file, old, new, pasted):
    rewritten(mine / file, old, new)

    _, _, err = lint(mine)

    lines = [each.strip() for each in err.splitlines() if each.startswith("    ")]
    assert any(each.startswith(pasted) for each in lines), err
    assert all(isinstance(yaml.safe_load(each), dict) for each in lines)


def warned(path):
    status, out, err = lint(path)
    assert status == 0, err
    assert "no problems" in out
    lines = [each for each in err.splitlines() if not each.startswith("    ")]
    assert all(": warning: " in each for each in lines)
    return lines, out


def test_an_unusual_path_is_a_warning(mine):
    line = rewritten(mine / "openapi.yaml", "  /images/edits:", "  /image/edits:")

    (warning,), out = warned(mine)

    assert warning.startswith(f"{mine}/openapi.yaml:{line}: warning: '/image/edits'")
    assert "Write '/images/edits'" in warning
    assert out == "1 provider: no problems, 1 warning\n"


def test_a_document_without_security_is_a_warning_unless_it_says_so(mine):
    rewritten(mine / "openapi.yaml", "security:\n  - bearer: []\n", "")

    warnings, _ = warned(mine)
    rewritten(mine / "openapi.yaml", "paths:\n", "security: []\npaths:\n")

    assert len(warnings) == 2
    assert all("there is no `security`" in each for each in warnings)
    assert warned(mine)[0] == []


def test_an_unused_source_is_a_warning(mine):
    (mine / "sources.yaml").write_text("M1: {title: One}\nM2: {title: Two}\n")
    (mine.parent / "sources.yaml").write_text("M3: {title: Three}\n")
    rewritten(mine / "openapi.yaml", "x-source: S4#model", "x-source: M2#model")

    warnings, _ = warned(mine.parent)

    assert [each.partition(" warning: ")[2].partition(".")[0] for each in warnings] == [
        "no claim cites the source 'M1'",
        "no claim cites the source 'M3'",
    ]


def test_a_placeholder_for_a_source_is_a_warning(mine):
    (mine / "sources.yaml").write_text('M1: {title: "TODO: find the page"}\n')
    rewritten(mine / "openapi.yaml", "x-source: S4#model", "x-source: M1#model")

    (warning,), _ = warned(mine)

    assert warning.startswith(f"{mine}/sources.yaml:1: warning: the source 'M1' is a")


def test_a_date_is_text(mine):
    (mine / "sources.yaml").write_text("M1: {title: One, date: 2026-11-28}\n")
    rewritten(mine / "openapi.yaml", "x-source: S4#model", "x-source: M1#model")
    rewritten(mine / "openapi.yaml", 'version: "2026"', "version: 2026-11-28")

    assert warned(mine)[0] == []


def test_a_gap_does_not_cause_further_problems(mine):
    """Parts behind a reference that leads nowhere are not reported as missing."""
    for name in ("Images", "BadRequest", "TooManyRequests"):
        rewritten(mine / "openapi.yaml", f'responses/{name}"', f'responses/{name}s"')

    _, _, err = lint(mine)

    lines = [each for each in err.splitlines() if not each.startswith("    ")]
    assert len(lines) == 3
    assert all("unresolved reference" in each for each in lines)


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
            is_item = word.isdigit() and "[" in line
            assert is_item or word in line or line.lstrip().startswith("-"), claim


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
