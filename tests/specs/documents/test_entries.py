"""A provider that ships is loaded when it is first used, once it is known as valid."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import specs
from specs.disk_cache import FOLDER_VARIABLE
from specs.documents.loading import loader

PROVIDERS = ("deepinfra", "xai")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    loader._last_loaded.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def shipped(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of folders that ship, found once: their facts are in the cache."""
    loader._program_digest()
    root = tmp_path / "shipped"
    for name in PROVIDERS:
        shutil.copytree(loader.SHIPPED / name, root / name)
    shutil.copy(loader.SHIPPED / "sources.yaml", root)
    monkeypatch.setattr(loader, "SHIPPED", root)
    specs.find_all([])
    loader._last_loaded.cache_clear()
    return root


def loaded() -> int:
    return loader._last_loaded.cache_info().currsize


def facts(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.provider"))


def test_a_known_provider_is_loaded_when_it_is_used(shipped):
    first, second = specs.find_all([])

    assert loaded() == 0
    assert first.provider is specs.load(first.id)
    assert loaded() == 1
    assert second.provider.id == second.id


def test_an_entry_has_the_facts_of_its_provider(shipped):
    for entry in specs.find_all([]):
        provider = entry.provider
        expected = provider.id, provider.base_path, provider.day
        assert (entry.id, entry.base_path, entry.day) == expected


def test_a_provider_that_no_cache_knows_is_loaded_at_once(cache):
    (entry,) = specs.find_all(["xai"])

    assert loaded() == 1
    assert entry.provider is specs.load("xai")
    assert len(facts(cache)) == 1


@pytest.mark.parametrize("broken", ["dialect.yaml", "openapi.yaml"])
def test_a_changed_file_is_checked_at_once(shipped, broken):
    with (shipped / "xai" / broken).open("a") as file:
        file.write("x-unknown: 1\n")

    with pytest.raises(specs.SpecError, match="x-unknown"):
        specs.find_all([])


def test_a_provider_of_a_user_is_loaded_at_once(shipped, tmp_path):
    shutil.copytree(shipped / "xai", tmp_path / "own" / "mine")
    before = facts(tmp_path / "cache")

    specs.find_all(["mine"], tmp_path / "own")

    assert loaded() == 1
    assert facts(tmp_path / "cache") == before


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"base_path": 1, "day": ""}']
)
def test_damaged_facts_are_written_anew(shipped, tmp_path, content):
    cache = tmp_path / "cache"
    valid = {each: each.read_bytes() for each in facts(cache)}
    for file in valid:
        file.write_bytes(content)

    specs.find_all([])

    assert loaded() == len(PROVIDERS)
    assert {each: each.read_bytes() for each in facts(cache)} == valid


def test_facts_of_another_program_are_not_used(shipped, monkeypatch):
    monkeypatch.setattr(loader, "_program_digest", lambda: "another")

    specs.find_all([])

    assert loaded() == len(PROVIDERS)


def test_facts_of_files_that_changed_while_they_were_read_are_not_kept(
    cache, monkeypatch
):
    monkeypatch.setattr(loader, "digest_of", lambda *files: os.urandom(8).hex())

    specs.find_all(["xai"])

    assert facts(cache) == []


def test_an_unknown_provider_is_an_error():
    with pytest.raises(specs.SpecError, match="not a known provider"):
        specs.find_all(["nobody"])


def test_finding_providers_imports_no_parser_and_no_validator(tmp_path):
    script = (
        "import json, sys, specs\n"
        "specs.find_all(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    command = [sys.executable, "-c", script, *PROVIDERS]
    env = {**os.environ, FOLDER_VARIABLE: str(tmp_path)}

    cold, warm = (
        set(json.loads(subprocess.check_output(command, env=env))) for _ in range(2)
    )

    assert {"yaml", "jsonschema_rs", "specs.documents.model"} <= cold
    assert not {"yaml", "jsonschema_rs", "specs.documents.model"} & warm


def test_a_provider_that_is_known_as_valid_is_built_as_one_that_is_checked(cache):
    for name in specs.names():
        checked = specs.load(name)
        loader._last_loaded.cache_clear()
        known = specs.load(name)

        assert known is not checked
        for field in ("dialect", "all_operations", "sources", "in_force", "tasks"):
            assert getattr(known, field) == getattr(checked, field), (name, field)
        pairs = zip(checked.nodes(), known.nodes(), strict=True)
        assert all(a[0] == b[0] for a, b in pairs)


def test_a_provider_that_is_known_as_valid_is_not_checked_again(shipped, monkeypatch):
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("specs.documents.loading.folder.validate_dialect", fail)

    (shipped / "xai" / "openapi.yaml").touch()
    assert specs.load("xai").id == "xai"
    with (shipped / "xai" / "dialect.yaml").open("a") as file:
        file.write("# another content\n")
    with pytest.raises(AssertionError):
        specs.load("xai")
