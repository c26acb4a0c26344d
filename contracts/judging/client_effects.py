"""The effect of a finding on a client library, by what it sends and reads."""

import re
from collections.abc import Mapping
from enum import Enum, auto

from contracts.judging.guarantees.table import GUARANTEES
from contracts.report.model import CheckName, Finding
from specs.clients import Client


class Effect(Enum):
    """
    The effect of a finding on a client.

    `LIMITS_READING` is about a field of a response that the client passes on and can do
    without, `LIMITS` about any other part that it uses. `BLOCKS` is about a field that
    it cannot do without.
    """

    NONE = auto()
    LIMITS_READING = auto()
    LIMITS = auto()
    BLOCKS = auto()


_ERROR_FIELDS: Mapping[str, str] = {
    CheckName.ERROR_CODE: "error.code",
    CheckName.ERROR_TYPE: "error.type",
    CheckName.ERROR_PARAM: "error.param",
}
DELIVERIES_BY_FIELD = {
    "data[].b64_json": {"b64_json"},
    "data[].url": {"url", "data_uri"},
}
"""The deliveries of an image that a field of a response may have."""
_REQUIRED_FIELDS = {"data", "data[]"}
_RESPONSE_FIELD = re.compile(r"answer/(.+)")


def effect_on(client: Client, finding: Finding) -> Effect:
    """The effect of a finding about an operation that the client calls."""
    operation, section, *rest = [*finding.claim.split("/"), ""]
    if operation not in client.sends:
        return Effect.NONE
    if section.startswith("request"):
        return _of_request(client, operation, rest)
    if section == "errors":
        return _of_error(client, _ERROR_FIELDS.get(finding.check, ""))
    if re.fullmatch(r"[45](\d\d|XX)", section):
        is_named = bool(rest) and rest[0] in {"guarantees", "headers"}
        return _of_error(client, "" if is_named else _field_path(rest))
    if section.startswith("2"):
        return _of_response(client, operation, finding, rest)
    return Effect.LIMITS


def _of_request(client: Client, operation: str, path: list[str]) -> Effect:
    """A client is limited by what is wrong with a field that it can send."""
    names = {each.removesuffix("[]") for each in path if each}
    sends = client.sends[operation]
    can_send = all(sends.can_send({name: "any"}) for name in names)
    return Effect.LIMITS if can_send else Effect.NONE


def _of_error(client: Client, field: str) -> Effect:
    """Every client is limited by a wrong error, if not about a field it leaves out."""
    is_read = not field or any(_overlap(field, each) for each in client.error)
    return Effect.LIMITS if is_read else Effect.NONE


def _of_response(
    client: Client, operation: str, finding: Finding, path: list[str]
) -> Effect:
    if path[:1] == ["guarantees"]:
        return _of_guarantee(client, operation, finding, path[1])
    if path[:1] in (["events"], ["headers"]):
        return Effect.NONE if client.pictures_only else Effect.LIMITS_READING
    return _of_response_field(client, _field_path(path))


def _of_response_field(client: Client, field: str) -> Effect:
    if not field:
        return Effect.LIMITS
    if field in _REQUIRED_FIELDS:
        return Effect.BLOCKS
    if field in DELIVERIES_BY_FIELD:
        return _of_delivery(client, DELIVERIES_BY_FIELD[field])
    return Effect.NONE if client.pictures_only else Effect.LIMITS_READING


def _of_delivery(client: Client, concerned: set[str]) -> Effect:
    """A client that reads no other delivery cannot do without this one."""
    if client.pictures is None:
        return Effect.LIMITS
    if not client.pictures & concerned:
        return Effect.NONE
    return Effect.LIMITS if client.pictures - concerned else Effect.BLOCKS


def _of_guarantee(
    client: Client, operation: str, finding: Finding, name: str
) -> Effect:
    guarantee = GUARANTEES.get(name)
    if guarantee is None:
        return Effect.LIMITS
    if row := _RESPONSE_FIELD.fullmatch(guarantee.row):
        return _of_response_field(client, row[1])
    if guarantee.streams_only:
        return Effect.NONE if client.pictures_only else Effect.LIMITS
    if guarantee.aspect == "delivery":
        return _of_actual_delivery(client, finding.came)
    return _of_request(client, operation, [finding.field or guarantee.field])


def _of_actual_delivery(client: Client, came: str | None) -> Effect:
    """The effect of images that came in another way than documented."""
    if client.pictures is None or came is None:
        return Effect.LIMITS
    is_readable = client.pictures & set(came.split(" and "))
    return Effect.NONE if is_readable else Effect.BLOCKS


def _field_path(path: list[str]) -> str:
    """`error.message` for the part `error/message/required` of a claim's id."""
    parts = [each for each in path if each]
    return ".".join(parts[:-1])


def _overlap(one: str, other: str) -> bool:
    """True if one field is the other, or contains it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
