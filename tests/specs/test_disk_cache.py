"""Parsed documents are read from disk, if the folder is the user's alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import specs
from specs.disk_cache import FOLDER_VARIABLE, read_cached, write_cached
from specs.documents.reading.yaml_files import read_document
from specs.errors import SpecError

posix = pytest.mark.skipif(os.name == "nt", reason="needs the permissions of POSIX")
DOCUMENT = "info:\n  title: a\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def entry(folder: Path, tmp_path: Path) -> Path:
    """The entry of a document that was read."""
    (tmp_path / "a.yaml").write_text(DOCUMENT)
    read_document(tmp_path, "a.yaml")
    (entry,) = folder.iterdir()
    return entry


def test_an_unchanged_document_is_not_parsed_again(entry, tmp_path):
    assert read_document(tmp_path, "a.yaml") == {"info": {"title": "a"}}
    entry.write_text('{"info": {"title": "from the entry"}}')

    assert read_document(tmp_path, "a.yaml") == {"info": {"title": "from the entry"}}

    (tmp_path / "a.yaml").write_text(f"{DOCUMENT}  version: '1'\n")
    assert read_document(tmp_path, "a.yaml") == {"info": {"title": "a", "version": "1"}}


@pytest.mark.parametrize("content", [b"", b'{"info"', b"\xff"])
def test_a_damaged_entry_is_written_anew(entry, tmp_path, content):
    entry.write_bytes(content)

    assert read_document(tmp_path, "a.yaml") == {"info": {"title": "a"}}
    assert entry.read_bytes() == b'{"info": {"title": "a"}}'


@pytest.mark.parametrize(
    "text", ["a: {200: 1}", "a: {true: 1}", "a: .nan", "a: !!binary aGVsbG8=", "? [a]"]
)
def test_what_json_would_change_is_not_kept(folder, tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    try:
        found = [str(read_document(tmp_path, "a.yaml")) for _ in range(2)]
    except SpecError:
        found = []
    assert len(set(found)) <= 1
    assert not folder.exists() or list(folder.iterdir()) == []


@posix
def test_a_folder_that_others_can_write_to_is_not_used(folder):
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "a.json").write_text("1")

    write_cached("b.json", b"2")

    assert read_cached("a.json") is None
    assert [each.name for each in folder.iterdir()] == ["a.json"]


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for value in ("", "/dev/null/cache"):
        monkeypatch.setenv(FOLDER_VARIABLE, value)
        write_cached("a.json", b"1")
        assert read_cached("a.json") is None
    assert list(tmp_path.iterdir()) == []


def test_old_entries_of_a_kind_are_removed(folder):
    for name in ("a.json", "a.plan"):
        write_cached(name, b"1")
        os.utime(folder / name, (0, 0))

    write_cached("b.json", b"2")

    assert sorted(each.name for each in folder.iterdir()) == ["a.plan", "b.json"]


def test_processes_may_write_the_same_entries(folder):
    program = "import specs; print(specs.load('tokenhub').version)"
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    said = {each.communicate(timeout=60)[0].decode().strip() for each in started}

    assert said == {specs.load("tokenhub").version}
    assert {each.suffix for each in folder.iterdir()} == {".json", ".provider"}


def test_a_provider_is_the_same_until_its_files_change(tmp_path):
    home = tmp_path / "mine"
    home.mkdir()
    shipped = Path(specs.load("tokenhub").file).parent
    for name in ("openapi.yaml", "dialect.yaml"):
        text = (shipped / name).read_text(encoding="utf-8")
        (home / name).write_text(text, encoding="utf-8")
    first = specs.load("mine", tmp_path)
    assert specs.load("mine", tmp_path) is first

    with (home / "openapi.yaml").open("a") as file:
        file.write("# changed\n")
    second = specs.load("mine", tmp_path)
    assert second is not first
    assert second.sha256 != first.sha256

    (tmp_path / "sources.yaml").write_text("S9: {title: New, url: 'https://a.test/'}\n")
    assert "S9" in specs.load("mine", tmp_path).sources
