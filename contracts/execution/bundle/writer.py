"""Write the records of a run to disk, and at its end all files into one bundle."""

import hashlib
import json
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from contracts.execution.bundle.records import (
    FIRST,
    SentRequest,
    line_hash,
    response_row,
)
from contracts.judging.interaction import Interaction
from mockserver.recordings.body_parts import image_format
from mockserver.recordings.request_key import digest

MANIFEST, REPORT, EXCHANGES = "manifest.json", "report.jsonl", "exchanges.jsonl"
DOCUMENTS, FILES = "documents", "files"
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the same in every bundle
_READABLE = 0o100644 << 16


class BundleWriter:
    """
    Collects the records in a folder beside the bundle; nothing is kept in memory.

    A context manager, which removes the folder. Methods raise `OSError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._records = 0
        self._last = FIRST

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(
            tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        )
        (self._folder / FILES).mkdir()
        self._exchanges = (self._folder / EXCHANGES).open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exchanges.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(
        self,
        provider: str,
        request: SentRequest,
        interaction: Interaction | None,
        silence: float = 0.0,
    ) -> None:
        """
        Write the record of an exchange; None if nothing was sent.

        `silence` is the longest one of a stream, in seconds.
        """
        # A request that is cancelled goes on in its thread until it is written.
        with self._lock:
            self._add(provider, request, interaction, silence)

    def _add(
        self,
        provider: str,
        request: SentRequest,
        interaction: Interaction | None,
        silence: float,
    ) -> None:
        self._records += 1
        row = {
            "record": self._records,
            "previous": self._last,
            "provider": provider,
            "kind": request.kind,
            "case": request.case,
            "operation": request.operation,
            "request": request.row(self._store),
            "response": interaction and response_row(interaction, self._store, silence),
        }
        line = json_line(row)
        self._exchanges.write(line)
        self._last = line_hash(line)

    def _store(self, data: bytes) -> str:
        """Write bytes to a file named by their hash, if it is new; return its name."""
        name = f"{digest(data)}.{image_format(data) or 'bin'}"
        path = self._folder / FILES / name
        if not path.exists():
            path.write_bytes(data)
        return name

    def finish(
        self, texts: Mapping[str, bytes], manifest: Callable[[dict[str, Any]], Any]
    ) -> str:
        """
        Write the bundle with further files, and return its id.

        `manifest` makes the manifest from the facts about files and records. The id is
        the hash of the manifest.
        """
        self._exchanges.flush()
        exchanges = self._folder / EXCHANGES
        files = {name: _facts(data) for name, data in sorted(texts.items())}
        with exchanges.open("rb") as content:
            whole = _file_digest(content)
        files[EXCHANGES] = {"bytes": exchanges.stat().st_size, "sha256": whole}
        records = {"count": self._records, "last": self._last}
        text = json.dumps(
            manifest({"files": files, "records": records}), indent=1, sort_keys=True
        ).encode()
        temporary = self._folder / "bundle"
        with zipfile.ZipFile(temporary, "w") as bundle:
            for name, data in {MANIFEST: text, **dict(sorted(texts.items()))}.items():
                bundle.writestr(_entry(name), data, zipfile.ZIP_DEFLATED)
            _copy(bundle, EXCHANGES, exchanges)
            for file in sorted((self._folder / FILES).iterdir()):
                _copy(bundle, f"{FILES}/{file.name}", file)
        temporary.chmod(0o644)
        temporary.replace(self.path)
        return digest(text)


def json_line(row: Mapping[str, Any]) -> bytes:
    """A record as one line; in ASCII if it contains half of a surrogate pair."""
    try:
        return (json.dumps(row, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(row) + "\n").encode()


def _facts(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": digest(data)}


def _file_digest(content: Any) -> str:
    return hashlib.file_digest(content, "sha256").hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIMESTAMP)
    entry.create_system, entry.external_attr = 3, _READABLE
    return entry


def _copy(bundle: zipfile.ZipFile, name: str, path: Path) -> None:
    """Copy a file into the bundle; images are compressed already."""
    entry = _entry(name)
    is_image = name.startswith(FILES) and not name.endswith(".bin")
    entry.compress_type = zipfile.ZIP_STORED if is_image else zipfile.ZIP_DEFLATED
    entry.file_size = path.stat().st_size
    with path.open("rb") as content, bundle.open(entry, "w") as out:
        shutil.copyfileobj(content, out, 1024 * 1024)
