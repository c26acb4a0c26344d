"""A provider definition before it is written, and the notes for its author."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import HarnessError
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


class ScaffoldError(HarnessError):
    """A definition that cannot be written; the message says why."""


@dataclass
class Draft:
    """
    The three files of a provider.

    `added` are parts that no origin states, `left_out` parts of the origin that are not
    in the definition, `to_do` what its author has to fill in.
    """

    document: dict[str, Any]
    dialect: dict[str, Any]
    sources: dict[str, Any]
    added: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def files(self) -> dict[str, str]:
        """The text of each file by its name."""
        return {
            DOCUMENT: _DOCUMENT_COMMENT + compact_yaml(self.document),
            DIALECT: _DIALECT_COMMENT + compact_yaml(self.dialect),
            SOURCES: _SOURCES_COMMENT + compact_yaml(self.sources),
        }


_DOCUMENT_COMMENT = """\
# What the gateway promises its callers. Words that begin with `x-` are explained in the
# reference of the documentation. `x-basis: assumed` marks what no page of yours states:
# the harness warns of it and never fails. Remove the mark when a page does.
"""
_DIALECT_COMMENT = "# How to talk to the gateway.\n"
_SOURCES_COMMENT = """\
# The pages that claims are read from; openapi.yaml and dialect.yaml cite them by id.
"""


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice, and mappings of scalars in one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def compact_yaml(value: Any) -> str:
    """Write a value as YAML, with mappings and lists of scalars in one line."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )


def check_name(name: str, shipped: Sequence[str]) -> None:
    """Raises `ScaffoldError` for a name that is unusable for a provider."""
    if not NAME_PATTERN.fullmatch(name):
        raise ScaffoldError(
            f"'{name}' is not a name for a provider: it is a part of URLs, so use "
            "lower-case letters, digits, - and _, and begin with a letter"
        )
    if name in shipped:
        raise ScaffoldError(f"'{name}' is a provider that ships: choose another name")


def write_folder(files: Mapping[str, str], folder: Path) -> None:
    """
    Write the files into a new folder, all or none.

    Raises `ScaffoldError` if the folder exists or cannot be written.
    """
    if folder.exists():
        raise ScaffoldError(
            f"{folder} exists and was left as it is: choose another name, or move it"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ScaffoldError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        temporary.chmod(0o755)
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8", newline="\n")
        os.rename(temporary, folder)  # noqa: PTH104  fails if the folder appeared
    except OSError as error:
        raise ScaffoldError(f"{folder} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def placeholder_url(name: str, path: str = "/v1") -> str:
    """A base URL that stands for the one of a provider."""
    return f"https://{name.replace('_', '-')}.example{path}"


def base_url_task(base_url: str) -> str:
    """The task of writing a URL in place of a placeholder."""
    return f"write your base URL for {base_url} in openapi.yaml and dialect.yaml"


def live_server(name: str, base_url: str) -> dict[str, str]:
    """The key `live` of a dialect."""
    return {"base_url": base_url, "key_env": environment_variable(name)}


def environment_variable(name: str) -> str:
    """The variable of a provider's API key: `MY_GATEWAY_API_KEY` for `my-gateway`."""
    return f"{re.sub('[^A-Z0-9]', '_', name.upper())}_API_KEY"
