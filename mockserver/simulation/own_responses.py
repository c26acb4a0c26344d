"""Responses that are not from the document: of a script, or with another status."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.simulation.faults import FAULTS
from specs import Operation

_ERROR_STATUS = re.compile(r"[45][0-9][0-9]", re.ASCII)
NOT_FROM_DOCUMENT = "not from the document"


@dataclass(frozen=True, slots=True)
class OwnResponse:
    """A whole response that a script gives; `body` is a text, or a JSON value."""

    status: int
    body: Any = ""


@dataclass(frozen=True, slots=True)
class ErrorChanges:
    """The changes that a trigger makes to a documented error; None for no change."""

    status: int | None = None
    message: str | None = None
    headers: Mapping[str, str] | None = None


NO_CHANGES = ErrorChanges()


def is_error_status(name: str) -> bool:
    """True if the name of an error is a status, such as `503`."""
    return _ERROR_STATUS.fullmatch(name) is not None


def error_with_status(status: int, operation: Operation) -> tuple[str, int | None]:
    """
    The name of the documented error with a status, and None.

    Without one it is `server_error`, and the status that it has to get.
    """
    for error in operation.errors.values():
        if error.status == status:
            return error.name, None
    return "server_error", status


def has_fault_status(item: Mapping[str, Any]) -> bool:
    """True if the status of a script item is that of its fault."""
    fault = FAULTS.get(item.get("fault", ""))
    is_free = item.get("status", 0) >= 400 and not {"error", "body"} & set(item)
    return is_free and fault is not None and fault.takes_status


def own_response(item: Mapping[str, Any]) -> OwnResponse | None:
    """The response that a script item gives as a whole; None if it gives none."""
    status = item.get("status")
    if status is None or ("body" not in item and status >= 400):
        return None
    return OwnResponse(status, item.get("body", ""))
