"""
The planted defects that show that the check of a claim can fail.

`exercised.yaml` has, for each defect of the test servers in `tests/faulty_servers`, the
check that failed and the claims that it named. `make exercised` writes it.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from specs.documents.reading.dates import split_id
from specs.documents.reading.yaml_files import read_yaml

FILE = "exercised.yaml"
NEVER_SEEN_TO_FAIL = "check never seen to fail"
_REQUEST_BODY = re.compile(r"request(-form|-json)?/(.+)")
_RESPONSE = re.compile(r"([1-5])(\d\d|XX)/(.+)")


@dataclass(frozen=True, slots=True)
class PlantedDefect:
    """
    A planted defect that the harness finds.

    `id` is `provider:operation/name`, with `relay:` before it for a relay in front of
    a mock. `claims` are the ids of the claims that its finding named.
    """

    id: str
    provider: str
    check: str
    claims: tuple[str, ...]


@cache
def planted_defects() -> Mapping[str, PlantedDefect]:
    """All planted defects that are found, by id."""
    raw = read_yaml(files("contracts.report"), FILE)
    return {id_: _planted_defect(id_, each) for id_, each in raw.items()}


def _planted_defect(id_: str, raw: Mapping[str, Any]) -> PlantedDefect:
    provider = id_.split(":")[-2]
    return PlantedDefect(id_, provider, raw["check"], tuple(raw["claims"]))


def exercised_by(provider: str, claim: str) -> tuple[str, ...]:
    """
    The ids of the defects that made the check of a claim fail, nearest first.

    A defect counts if the failed check named this claim, or its counterpart: a claim of
    another provider, operation, media type or error status that is otherwise the same,
    since the same code checks both. A claim about another field or with another keyword
    is no counterpart.
    """
    provider = split_id(provider)[0]
    operation = claim.partition("/")[0]

    def distance(defect: PlantedDefect) -> tuple[bool, ...]:
        return (
            defect.provider != provider or claim not in defect.claims,
            defect.provider != provider,
            all(not each.startswith(f"{operation}/") for each in defect.claims),
        )

    found = _defects_by_counterpart().get(counterpart(claim), [])
    return tuple(each.id for each in sorted(found, key=distance))


@cache
def _defects_by_counterpart() -> Mapping[str, list[PlantedDefect]]:
    found: dict[str, list[PlantedDefect]] = defaultdict(list)
    for defect in planted_defects().values():
        for name in dict.fromkeys(map(counterpart, defect.claims)):
            found[name].append(defect)
    return found


def counterpart(claim: str) -> str:
    """
    The part of a claim's id that its counterparts share.

    `request/n/maximum` for `createImageEdit/request-form/n/maximum`, and
    `error/error/message/required` for `createImage/401/error/message/required`.
    """
    rest = claim.partition("/")[2]
    if body := _REQUEST_BODY.fullmatch(rest):
        return f"request/{body[2]}"
    if response := _RESPONSE.fullmatch(rest):
        kind = "success" if response[1] == "2" else "error"
        return f"{kind}/{shorten_event_type(response[3])}"
    return rest


def shorten_event_type(path: str) -> str:
    """`events/completed/usage` for `events/image_edit.completed/usage`."""
    parts = path.split("/")
    if len(parts) > 1 and parts[0] == "events":
        parts[1] = parts[1].rpartition(".")[2]
    return "/".join(parts)
