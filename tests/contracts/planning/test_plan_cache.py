"""Plans on disk are the plans that would be made, and nobody else's."""

import os
import pickle
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

import specs
from contracts.planning.plan import plan
from contracts.planning.plan_cache import cached_plan
from specs.disk_cache import FOLDER_VARIABLE

PROVIDER = specs.load("tokenhub")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(provider: specs.Provider = PROVIDER, seed: int = 0):
    return cached_plan(provider, seed=seed, is_mock=True)


@pytest.fixture
def file(folder: Path) -> Path:
    """The file of a plan that was made."""
    made()
    (file,) = folder.iterdir()
    return file


def test_the_plan_is_read_as_it_was_made(file):
    before = file.stat().st_mtime_ns

    assert made() == plan(PROVIDER, is_mock=True)
    assert file.stat().st_mtime_ns == before


def test_what_is_read_is_in_the_file(file):
    """Not planned again."""
    file.write_bytes(zlib.compress(pickle.dumps(plan(PROVIDER)[:1])))

    assert made() == plan(PROVIDER)[:1]


@pytest.mark.parametrize("content", [b"", b"damaged", zlib.compress(b"damaged")])
def test_a_damaged_file_is_written_anew(file, content):
    whole = made()
    file.write_bytes(content)

    assert made() == whole
    assert file.read_bytes() != content


def test_nothing_but_cases_is_made_from_a_file(file, tmp_path):
    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "planted"),)

    file.write_bytes(zlib.compress(pickle.dumps([Planted()])))

    assert made() == plan(PROVIDER, is_mock=True)
    assert not (tmp_path / "planted").exists()


def test_another_seed_or_document_is_another_plan(file):
    made(seed=1)
    made(replace(PROVIDER, sha256="another"))
    made(replace(PROVIDER, id="another"))

    assert len(list(file.parent.iterdir())) == 4
