"""Scripts: lists of responses, faults and delays for the next requests."""

from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.simulation.faults import FAULTS
from mockserver.simulation.own_responses import (
    is_error_status,
    own_response,
)
from mockserver.simulation.task_triggers import parse_task
from mockserver.state.memory import MAX_SCRIPT_ITEMS
from mockserver.state.statistics import IMAGE_OPERATION
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator

# pytest leaves the frames of this module out of a traceback: the last is the caller's.
__tracebackhide__ = True
FRAMING_HEADERS = {"content-length", "transfer-encoding"}

ScriptItem = dict[str, Any]
OperationErrors = Mapping[str, Collection[str]]  # names of errors by operation id


class BadScript(ValueError):
    """An invalid script; the message names the item, its property and the remedy."""


class _Property(NamedTuple):
    remedy: str
    validator: Any


@cache
def _item_properties() -> dict[str, _Property]:
    """The properties of an item, as `script.schema.yaml` describes them."""
    schema = read_yaml(files("mockserver.simulation"), "script.schema.yaml")
    return {
        name: _Property(each["description"], compile_validator(each))
        for name, each in schema["items"]["properties"].items()
    }


def validate_script(items: Any, errors: OperationErrors) -> list[ScriptItem]:
    """
    Validate a script and repeat each item as often as its `times` says.

    Returns one item per request, without `times`. Raises `BadScript`.
    """
    if not isinstance(items, list):
        raise BadScript('a script is a list, such as [{"error": "rate_limited"}]')
    repeated: list[ScriptItem] = []
    for index, item in enumerate(items):
        problem = _problem(item, errors)
        if problem:
            raise BadScript(f"item {index}: {problem}")
        times = int(item.get("times", 1))
        if len(repeated) + times > MAX_SCRIPT_ITEMS:
            raise BadScript(
                f"item {index}: a script holds at most {MAX_SCRIPT_ITEMS} items"
            )
        rest = {name: value for name, value in item.items() if name != "times"}
        repeated += [rest] * times
    return repeated


def _problem(item: Any, errors: OperationErrors) -> str | None:
    """The first problem of an item, or None."""
    if not isinstance(item, dict):
        return "is not an object"
    properties = _item_properties()
    unknown = sorted(set(item) - set(properties))
    if unknown:
        return f"unknown property '{unknown[0]}'; known: {', '.join(properties)}"
    for name, value in item.items():
        if not _is_valid(properties[name].validator, value) or not _is_json(value):
            return f"{name} takes {properties[name].remedy}, not {value!r:.80}"
    operation = item.get("operation")
    if operation is not None and operation not in errors:
        return _unknown("operation", operation, errors)
    others = [each for each in errors if each != IMAGE_OPERATION]
    operations = [operation] if operation else others
    known_errors = dict.fromkeys(each for name in operations for each in errors[name])
    error = item.get("error")
    if error is not None and error not in known_errors and not is_error_status(error):
        return f"{_unknown('error', error, known_errors)}; or a status such as 503"
    if "task" in item:
        try:
            parse_task(item["task"], "script")
        except Rejected as rejected:
            return rejected.message
    if "fault" in item and item["fault"] not in FAULTS:
        return _unknown("fault", item["fault"], FAULTS)
    return _contradiction(item)


def _contradiction(item: Mapping[str, Any]) -> str | None:
    """The first property that has no effect beside the others, or None."""
    names_error = "error" in item or "status" in item
    if "body" in item and "status" not in item:
        return "body needs a status"
    if "headers" in item and not names_error:
        return "headers needs an error or a status"
    for name in item.get("headers", ()):
        if name.lower() in FRAMING_HEADERS:
            return f"headers: the server itself sets {name}"
    if "message" in item and (not names_error or own_response(item) is not None):
        return "message needs an error, or a status from 400 without a body"
    if "error" in item and "body" in item:
        return "error and body exclude each other"
    if "error" in item and item.get("status", 400) < 400:
        return f"error takes a status from 400, not {item['status']}"
    if "error" in item and "status" in item and is_error_status(item["error"]):
        return "error and status are both a status"
    return None


def _is_valid(validator: Any, value: Any) -> bool:
    try:
        return bool(validator.is_valid(value))
    except ValueError:  # a Python object that JSON does not have, or a lone surrogate
        return False


def _is_json(value: Any) -> bool:
    """False for NaN and infinity, which Python reads from JSON all the same."""
    try:
        dumps(value)
    except ValueError:
        return False
    return True


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    return f"unknown {kind} '{name}'; known: {', '.join(known)}"
