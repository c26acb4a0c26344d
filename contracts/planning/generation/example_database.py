"""
Generated requests that led to a finding, kept for the next runs and sent last there.

There is one file per provider, in a folder that may be deleted at any time. Only the
request is stored. It is classified again in each run, since the document may change.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from contracts.media.files import Sample
from contracts.planning.case import Case, Origin
from contracts.planning.classification import classify_generated
from contracts.planning.request_model import request_models
from contracts.report.file import atomic_write
from mockserver.media.image.plan import FORMATS
from specs import Provider
from specs.validation.engine import is_instance
from specs.validation.strict_json import strict_json

FORMAT = "imageparity-examples/1"
FOLDER = ".imageparity"
MAX_EXAMPLES = 200
DROP_AFTER_PASSES = 3

IMAGE_KEY = "$picture"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["format", "examples"],
    "properties": {
        "format": {"const": FORMAT},
        "examples": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["operation", "media_type", "payload", "passed"],
                "additionalProperties": False,
                "properties": {
                    "operation": {"type": "string"},
                    "media_type": {"type": "string"},
                    "payload": {"type": "object", "$ref": "#/$defs/members"},
                    "passed": {"type": "integer", "minimum": 0},
                },
            },
        },
    },
    "$defs": {
        "value": {
            "if": {"type": "object", "required": [IMAGE_KEY]},
            "then": {"properties": {IMAGE_KEY: {"$ref": "#/$defs/picture"}}},
            "else": {"$ref": "#/$defs/members"},
            "items": {"$ref": "#/$defs/value"},
        },
        "members": {"additionalProperties": {"$ref": "#/$defs/value"}},
        "picture": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "width": {"type": "integer", "minimum": 1},
                "height": {"type": "integer", "minimum": 1},
                "format": {"enum": [None, "gif", *FORMATS]},
                "alpha": {"type": "boolean"},
                "weight": {"type": "integer", "minimum": 0},
                "variant": {"type": "integer", "minimum": 0},
            },
        },
    },
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Example:
    """
    A stored request; images in its payload are stored as the fields of their `Sample`.

    `passed` is the number of consecutive runs in which it led to no finding.
    """

    operation: str
    media_type: str
    payload: dict[str, Any]
    passed: int = 0

    @property
    def name(self) -> str:
        identity = [self.operation, self.media_type, self.payload]
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class ExampleDatabase:
    """
    The examples in a folder, by provider; `save` writes the changes of a run.

    Runs may save at the same time: a lock and a new reading keep the changes of each.
    Methods raise `OSError` if the folder cannot be read or written.
    """

    def __init__(self, folder: str | Path = FOLDER) -> None:
        self._folder = Path(folder)
        self._failed: dict[str, dict[str, Example]] = {}
        self._passed: dict[str, set[str]] = {}

    def cases(self, provider: Provider) -> list[Case]:
        """
        Read the examples of a provider as cases.

        Examples that the document no longer specifies are left out; they count as
        passed.
        """
        cases: list[Case] = []
        models = request_models(provider)
        for example in self._read(provider.id):
            request_model = models.get((example.operation, example.media_type))
            case = None
            if request_model is not None and not request_model.problem:
                payload = _deserialize(example.payload)
                case = classify_generated(
                    request_model, Origin.REMEMBERED, example.name, payload
                )
            if case is None:
                self._passed.setdefault(provider.id, set()).add(example.name)
            else:
                cases.append(case)
        return cases

    def add(self, provider: str, case: Case) -> None:
        """Store a generated case; other cases are part of every run and ignored."""
        if case.is_generated and case.is_payload_only and case.media_type is not None:
            example = _example_from(case)
            self._failed.setdefault(provider, {})[example.name] = example

    def mark_passed(self, provider: str, case: Case) -> None:
        """Count a run without findings for a stored case."""
        if case.origin == Origin.REMEMBERED and case.media_type is not None:
            self._passed.setdefault(provider, set()).add(_example_from(case).name)

    def save(self) -> None:
        """Write the added examples, and drop those that passed often enough."""
        changed = sorted({*self._failed, *self._passed})
        if not changed:
            return
        create_folder(self._folder)
        with _file_lock(self._folder / "lock"):
            for provider in changed:
                examples = self._merge(provider)
                with atomic_write(self._path(provider)) as out:
                    rows = [asdict(each) for each in examples]
                    json.dump({"format": FORMAT, "examples": rows}, out, indent=1)
        self._failed.clear()
        self._passed.clear()

    def _merge(self, provider: str) -> list[Example]:
        """Read the file again and apply the changes of this run; the newest last."""
        failed = self._failed.get(provider, {})
        passed = self._passed.get(provider, set())
        kept = [
            replace(each, passed=each.passed + (each.name in passed))
            for each in self._read(provider)
            if each.name not in failed
        ]
        kept = [each for each in kept if each.passed < DROP_AFTER_PASSES]
        return [*kept, *failed.values()][-MAX_EXAMPLES:]

    def _read(self, provider: str) -> list[Example]:
        """Read the examples of a provider; rename a damaged file and log it."""
        path = self._path(provider)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except UnicodeDecodeError as error:
            return self._set_aside(path, str(error))
        try:
            document = strict_json(text.encode())
        except ValueError as error:
            return self._set_aside(path, str(error))
        if not is_instance(SCHEMA, document):
            return self._set_aside(path, f"it does not follow the schema of {FORMAT}")
        return [Example(**row) for row in document["examples"]]

    def _set_aside(self, path: Path, reason: str) -> list[Example]:
        damaged = path.with_suffix(".damaged")
        with suppress(FileNotFoundError):  # another run has renamed it already
            path.replace(damaged)
        log.warning("%s is damaged (%s); renamed to %s", path, reason, damaged)
        return []

    def _path(self, provider: str) -> Path:
        return self._folder / f"{provider}.json"


def create_folder(folder: Path) -> None:
    """Create a folder whose files git ignores. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    gitignore = folder / ".gitignore"
    if not gitignore.exists():
        gitignore.write_text("*\n", encoding="utf-8")


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """Lock a file between processes; a process that ends unlocks it in any case."""
    with path.open("a", encoding="utf-8") as file:
        if sys.platform == "win32":
            import msvcrt

            # Waits for ten seconds, then raises `OSError`.
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _example_from(case: Case) -> Example:
    return Example(case.operation, case.media_type or "", _serialize(case.payload))


def _serialize(value: Any) -> Any:
    """Convert a payload to JSON: images as objects; keys with `$` get a second one."""
    if isinstance(value, Sample):
        return {IMAGE_KEY: asdict(value)}
    if isinstance(value, dict):
        return {
            f"${key}" if key.startswith("$") else key: _serialize(each)
            for key, each in value.items()
        }
    return [_serialize(each) for each in value] if isinstance(value, list) else value


def _deserialize(value: Any) -> Any:
    """Restore a payload from its JSON."""
    if isinstance(value, dict):
        if IMAGE_KEY in value:
            return Sample(**value[IMAGE_KEY])
        return {
            key.removeprefix("$") if key.startswith("$") else key: _deserialize(each)
            for key, each in value.items()
        }
    return [_deserialize(each) for each in value] if isinstance(value, list) else value
