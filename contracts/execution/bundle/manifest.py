"""The manifest of a bundle: program, options, documents and hashes of all files."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.execution.bundle.masks import Masks
from contracts.execution.bundle.writer import DOCUMENTS
from contracts.execution.tasks.waiting import Waiting
from mockserver.recordings.request_key import digest
from specs import Provider
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES
from specs.documents.reading.yaml_files import read_yaml, yaml_text

FORMAT = "imageparity-bundle/1"
CLIENTS = "clients.yaml"
_PACKAGES = ("specs", "mockserver", "contracts")
_LIBRARIES = (
    *("hypothesis", "schemathesis", "jsonschema-rs"),
    *("pillow", "av", "aiohttp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """
    The options of a run that decide what it sends and when it stops, and `fail_on`.

    The others are in the report. `waiting` is None for the usual times of tasks,
    `requirements` is the name of a set or None.
    """

    max_cases: int | None
    budget: float | None
    waiting: Waiting | None
    fail_on: tuple[str, ...]
    repeat: int
    requirements: str | None

    def row(self) -> dict[str, Any]:
        waiting = self.waiting
        return {
            "max_cases": self.max_cases,
            "budget": self.budget,
            "task_interval": waiting and waiting.interval,
            "task_timeout": waiting and waiting.timeout,
            "fail_on": list(self.fail_on),
            "repeat": self.repeat,
            "requirements": self.requirements,
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "BundleOptions":
        timeout = row["task_timeout"]
        return cls(
            max_cases=row["max_cases"],
            budget=row["budget"],
            waiting=timeout and Waiting(row["task_interval"], timeout),
            fail_on=tuple(row["fail_on"]),
            repeat=row["repeat"],
            requirements=row["requirements"],
        )


def program_row() -> dict[str, Any]:
    """The version and the source of this program, and the libraries that it uses."""
    return {
        "version": version("imageparity"),
        "source_sha256": source_hash(),
        "clients_sha256": digest((files("specs") / CLIENTS).read_bytes()),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def source_hash() -> str:
    """The hash of our modules and YAML files, without the documents of providers."""
    whole = hashlib.sha256()
    for package in _PACKAGES:
        root = Path(str(files(package)))
        documents = {file.parent for file in root.glob(f"*/{DOCUMENT}")}
        paths = (
            each for suffix in ("py", "yaml") for each in root.rglob(f"*.{suffix}")
        )
        for path in sorted(paths):
            if path.parent in documents or path.name in {SOURCES, CLIENTS}:
                continue
            name = f"{package}/{path.relative_to(root).as_posix()}"
            whole.update(f"{name} {digest(path.read_bytes())}\n".encode())
    return whole.hexdigest()


def target_row(provider: Provider, masks: Masks) -> dict[str, Any]:
    """The way in which a target was called, with marks for its secrets."""
    call, target = masks.target.call, masks.target
    return {
        "provider": provider.id,
        "key": target.key,
        "key_env": call.key_env,
        "headers": dict(call.headers),
        "header_values": dict(target.header_values),
    }


def document_files(providers: Iterable[Provider]) -> dict[str, bytes]:
    """The documents and dialects of providers, and the sources that they cite."""
    shipped = Path(str(files("specs")))
    found = {f"{DOCUMENTS}/{SOURCES}": (shipped / SOURCES).read_bytes()}
    for provider in providers:
        folder = Path(provider.file).parent
        for name in (DOCUMENT, DIALECT):
            found[f"{DOCUMENTS}/{folder.name}/{name}"] = (folder / name).read_bytes()
        own: dict[str, Any] = {}
        for place in () if folder.parent == shipped else (folder.parent, folder):
            if (place / SOURCES).is_file():
                own |= read_yaml(place, SOURCES) or {}
        if own:
            path = f"{DOCUMENTS}/{folder.name}/{SOURCES}"
            found[path] = yaml_text(own).encode()
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
