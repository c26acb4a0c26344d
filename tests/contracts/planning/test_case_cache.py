"""Cases on disk are the cases that would be made, and nobody else's."""

import os
import pickle
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import specs
from contracts.judging.second_opinion.generation import GeneratedCase, generate_cases
from contracts.planning.case_cache import cached_cases
from contracts.planning.plan import plan
from specs.disk_cache import FOLDER_VARIABLE

PROVIDER = specs.load("tokenhub")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(provider: specs.Provider = PROVIDER, seed: int = 0):
    make = partial(plan, provider, seed=seed, is_mock=True)
    return cached_cases(make, "plan", provider, seed)


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


@pytest.mark.providers("openai", "kling")
def test_cases_of_schemathesis_are_read_as_they_were_generated(folder, provider):
    def read(make):
        return cached_cases(make, "drawn", provider, classes=[GeneratedCase])

    generated = read(partial(generate_cases, provider))

    assert len(generated) > 100
    assert read(list) == generated
    assert cached_cases(list, "drawn", provider) == []  # its class is not known
