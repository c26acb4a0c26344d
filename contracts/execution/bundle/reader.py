"""Open a bundle, and find what in it was changed."""

import hashlib
import io
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from contracts.errors import HarnessError
from contracts.execution.bundle.manifest import FORMAT
from contracts.execution.bundle.records import FIRST, files_in, line_hash
from contracts.execution.bundle.writer import (
    DOCUMENTS,
    EXCHANGES,
    FILES,
    MANIFEST,
    REPORT,
)
from contracts.execution.sending.http import MAX_RESPONSE_BYTES
from mockserver.recordings.request_key import digest
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator
from specs.validation.strict_json import strict_json

MAX_TEXT_BYTES = 64 * 1024 * 1024  # of the manifest, a document and a record
MAX_VALUES = 5_000_000  # JSON values in one of them
_CHUNK = 1024 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
Place = tuple[int, int]  # offset and length of a line


class BadBundle(HarnessError, ValueError):
    """A file that is not a bundle; the message says why and what to do."""


class Bundle:
    """
    An open bundle: its manifest, and the places of its records by provider and case.

    A context manager; raises `BadBundle` on entry. `problems` says what was changed,
    and fills `places`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[tuple[str, str], list[Place]] = {}
        self.manifest: dict[str, Any] = {}
        self.id = ""

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="imageparity-")
        self.folder = Path(self._temporary.name)
        try:
            self._open()
        except BaseException:
            self._temporary.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lines is not None:
            self._lines.close()
        self._zip.close()
        self._temporary.cleanup()

    def _open(self) -> None:
        self._lines: IO[bytes] | None = None
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (OSError, *_DAMAGED) as error:
            raise BadBundle(f"{self.path} cannot be read: {error}") from None
        try:
            text = self._text(MANIFEST)
            manifest = strict_json(text, MAX_VALUES)
        except (KeyError, ValueError, *_DAMAGED) as error:
            self._zip.close()
            raise BadBundle(
                f"{self.path} is not a bundle of imageparity: {MANIFEST}: {error}"
            ) from None
        format_ = manifest.get("format") if isinstance(manifest, dict) else None
        if format_ == FORMAT:
            error_text = _first_error("manifest", manifest)
        else:
            error_text = f"it has the format {format_}; this version reads {FORMAT}"
        if error_text:
            self._zip.close()
            raise BadBundle(f"{self.path}: {MANIFEST}: {error_text}")
        self.manifest, self.id = manifest, digest(text)

    def problems(self) -> Iterator[str]:
        """Yield what was changed, and keep the places of the records."""
        yield from self._wrong_names()
        for name, facts in self.manifest["files"].items():
            if name == EXCHANGES:
                yield from self._wrong_exchanges(facts["sha256"])
            else:
                yield from self._wrong_text(name, facts["sha256"])

    def read_file(self, name: str) -> bytes:
        """A file of a record."""
        return self._zip.read(f"{FILES}/{name}")

    def file_size(self, name: str) -> int:
        """The number of bytes of a file of a record."""
        return self._zip.getinfo(f"{FILES}/{name}").file_size

    def record(self, place: Place) -> dict[str, Any]:
        """The record at a place."""
        if self._lines is None:
            raise RuntimeError("look for problems first")
        self._lines.seek(place[0])
        found: dict[str, Any] = strict_json(self._lines.read(place[1]), MAX_VALUES)
        return found

    def report_lines(self) -> list[str]:
        """The lines of the report, with their line ends."""
        # `splitlines` would also split at U+2028, which JSON does not escape.
        return list(io.StringIO(self._text(REPORT).decode()))

    @property
    def has_exchanges(self) -> bool:
        """False if only manifest, documents and report were left in the file."""
        return EXCHANGES in self._zip.namelist()

    @property
    def documents(self) -> Path:
        """The folder with the documents, where these can be loaded from."""
        return self.folder / DOCUMENTS

    def _text(self, name: str) -> bytes:
        """The content of an entry; `ValueError` if it is too long."""
        if self._zip.getinfo(name).file_size > MAX_TEXT_BYTES:
            raise ValueError(f"{name} has more than {MAX_TEXT_BYTES} bytes")
        return self._zip.read(name)

    def _wrong_names(self) -> Iterator[str]:
        names = Counter(each.filename for each in self._zip.infolist())
        known = {MANIFEST, *self.manifest["files"]}
        for name, count in names.items():
            if count > 1:
                yield f"{name} is in the bundle {count} times"
            if name not in known and not name.startswith(f"{FILES}/"):
                yield f"{name} was added: the manifest does not name it"
        for name in known - names.keys():
            yield f"{name} was removed"

    def _wrong_text(self, name: str, expected: str) -> Iterator[str]:
        """Yield whether a file was changed; a document is written to the folder."""
        try:
            data = self._text(name)
        except KeyError:
            return  # it was removed
        except (ValueError, *_DAMAGED):
            data = b""
        if digest(data) != expected:
            yield f"{name} was changed: its hash is not the one in the manifest"
        elif name.startswith(DOCUMENTS):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _wrong_exchanges(self, expected: str) -> Iterator[str]:
        """Yield which records were changed, added or removed, and which files."""
        chain = Chain(self.manifest["records"])
        owners: dict[str, str] = {}
        whole = hashlib.sha256()
        self._lines = (self.folder / EXCHANGES).open("w+b")
        try:
            with self._zip.open(EXCHANGES) as lines:
                while line := lines.readline(MAX_TEXT_BYTES):
                    whole.update(line)
                    place = self._lines.tell(), len(line)
                    self._lines.write(line)
                    row, problems = chain.add(line)
                    yield from problems
                    if row is not None:
                        key = row["provider"], row["case"]
                        self.places.setdefault(key, []).append(place)
                        for name, part in files_in(row):
                            owner = f"{part} of record {row['record']} ({row['case']})"
                            owners.setdefault(name, owner)
        except KeyError:
            return  # it was removed
        except _DAMAGED:
            after = f"after record {chain.count}"
            yield f"{EXCHANGES} was changed: it cannot be read {after}"
            return
        yield from chain.end()
        if not chain.has_problem and whole.hexdigest() != expected:
            yield f"{EXCHANGES} was changed: its hash is not the one in the manifest"
        yield from self._wrong_files(owners)

    def _wrong_files(self, owners: Mapping[str, str]) -> Iterator[str]:
        """Yield the files of records that were changed, added or removed."""
        prefix = f"{FILES}/"
        present = {
            name.removeprefix(prefix)
            for name in self._zip.namelist()
            if name.startswith(prefix)
        }
        for name, owner in owners.items():
            if name not in present:
                yield f"{prefix}{name} was removed: it is in {owner}"
            elif self._file_hash(prefix + name) != name.partition(".")[0]:
                yield f"{prefix}{name} was changed: it is in {owner}"
        for name in sorted(present - owners.keys()):
            yield f"{prefix}{name} was added: no record has it"

    def _file_hash(self, name: str) -> str:
        """The hash of a file; empty if it is damaged or too large for a response."""
        if self._zip.getinfo(name).file_size > MAX_RESPONSE_BYTES:
            return ""
        whole = hashlib.sha256()
        try:
            with self._zip.open(name) as content:
                while chunk := content.read(_CHUNK):
                    whole.update(chunk)
        except _DAMAGED:
            return ""
        return whole.hexdigest()


class Chain:
    """The chain of the records that were read so far."""

    def __init__(self, expected: Mapping[str, Any]) -> None:
        self.count = 0
        self.has_problem = False
        self._expected = expected
        self._last = FIRST
        self._case = ""

    def add(self, line: bytes) -> tuple[dict[str, Any] | None, list[str]]:
        """A record, or None if it is none, and what is wrong before it."""
        number, problems = self.count + 1, []
        try:
            row = strict_json(line, MAX_VALUES)
            wrong = _first_error("record", row)
        except ValueError:
            row, wrong = None, "it is not JSON"
        if wrong:
            problems.append(f"record {number} was changed: {wrong}")
        elif row["record"] != number:
            problems.append(self._wrong_number(row, number))
            number = row["record"]
        elif row["previous"] != self._last:
            before = number - 1
            problems.append(
                f"record {before} ({self._case}) was changed: record {number} has "
                "another hash of it"
                if before
                else "record 1 was changed: it names a record before it"
            )
        self.count, self._last = number, line_hash(line)
        self._case = "" if wrong else row["case"]
        self.has_problem |= bool(problems)
        return (None if wrong else row), problems

    def _wrong_number(self, row: Mapping[str, Any], number: int) -> str:
        found = row["record"]
        if found < number:
            return f"record {found} ({row['case']}) is at the place of record {number}"
        missing = f"record {number}"
        if found > number + 1:
            missing = f"records {number} to {found - 1}"
        return f"{missing}, before that of {row['case']}, was removed"

    def end(self) -> Iterator[str]:
        """Yield what is wrong after the last record."""
        count = self._expected["count"]
        if self.count != count:
            self.has_problem = True
            yield f"the last record is {self.count}; the manifest counts {count}"
        elif self._last != self._expected["last"]:
            self.has_problem = True
            yield (
                f"record {self.count} ({self._case}) was changed: the manifest has "
                "another hash of it"
            )


@cache
def _validator(name: str) -> Any:
    schema = read_yaml(files("contracts.execution.bundle"), "bundle.schema.yaml")
    return compile_validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


def _first_error(name: str, value: Any) -> str:
    """The first error of a manifest or record; empty if it is valid."""
    if _validator(name).is_valid(value):
        return ""
    for error in _validator(name).iter_errors(value):
        path = "/".join(map(str, error.instance_path)) or name
        return f"{path}: {error.message[:200]}"
    return ""
