"""Frozen sets of requirements: what a server must, should or may do."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from specs.documents.reading.yaml_files import read_checked
from specs.errors import SpecError

_FOLDER = "requirements"


class Level(StrEnum):
    """The weight of a requirement."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@dataclass(frozen=True, slots=True)
class Requirement:
    """
    A requirement: a sentence, and the claims that it is made of.

    `claims` are the sentences of the claims by id. `needs` is the id of an earlier
    requirement without which this one does not apply; empty for none.
    """

    id: str
    level: Level
    says: str
    claims: Mapping[str, str]
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """
    Claims and sentences that no requirement is about, and the reason.

    `claims` are globs of claim ids. `sentences` are sentences of pages that no claim
    states, each with its source.
    """

    reason: str
    claims: tuple[str, ...] = ()
    sentences: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequirementSet:
    """
    A frozen set of requirements.

    `released` is a date in ISO 8601. `document` says in words which document states the
    claims. `sha256` is the hash of the file, `proves_not` what a pass does not prove.
    """

    name: str
    title: str
    version: int
    released: str
    document: str
    sha256: str
    requirements: tuple[Requirement, ...]
    excluded: tuple[Exclusion, ...]
    proves_not: tuple[str, ...]

    @property
    def claims(self) -> set[str]:
        """The ids of the claims of all requirements."""
        return {claim for each in self.requirements for claim in each.claims}

    def exclusion_of(self, claim: str) -> Exclusion | None:
        """The exclusion that a claim falls under; None if there is none."""
        for exclusion in self.excluded:
            if any(fnmatchcase(claim, each) for each in exclusion.claims):
                return exclusion
        return None


def requirement_set_names() -> tuple[str, ...]:
    """The names of all sets."""
    folder = files("specs") / _FOLDER
    return tuple(
        sorted(
            each.name.removesuffix(".yaml")
            for each in folder.iterdir()
            if each.name.endswith(".yaml")
        )
    )


def load_requirements(name: str, root: Traversable | None = None) -> RequirementSet:
    """
    The set of a name; `root` is another folder than this package to read it from.

    Raises `SpecError` if there is none, or if its file is not understood.
    """
    root = root or files("specs")
    path = f"{_FOLDER}/{name}.yaml"
    file = root / path
    if not file.is_file():
        known = ", ".join(requirement_set_names())
        raise SpecError(name, "", "is no set of requirements", f"Known are: {known}")
    raw = read_checked(root, path, "requirements.schema.yaml")
    found = RequirementSet(
        name=raw["name"],
        title=raw["title"],
        version=raw["version"],
        released=raw["released"],
        document=raw["document"],
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        requirements=tuple(_requirement(*each) for each in raw["requirements"].items()),
        excluded=tuple(map(_exclusion, raw["excluded"])),
        proves_not=tuple(raw["proves_not"]),
    )
    _check(str(file), name, found)
    return found


def _requirement(id_: str, raw: Mapping[str, Any]) -> Requirement:
    claims = {
        f"{start}/{rest}": sentence
        for start, group in raw["claims"].items()
        for rest, sentence in group.items()
    }
    level = Level(raw["level"])
    return Requirement(id_, level, raw["says"], claims, raw.get("needs", ""))


def _exclusion(raw: Mapping[str, Any]) -> Exclusion:
    sentences: Sequence[Mapping[str, str]] = raw.get("sentences", ())
    return Exclusion(
        raw["reason"],
        tuple(raw.get("claims", ())),
        tuple((each["says"], each["source"]) for each in sentences),
    )


def _check(file: str, name: str, found: RequirementSet) -> None:
    """Raise `SpecError` for what the schema cannot say."""
    if found.name != name:
        raise SpecError(
            file, "/name", f"'{found.name}' is not the file's", f"Write {name}"
        )
    ids: set[str] = set()
    claims: set[str] = set()
    for requirement in found.requirements:
        place = f"/requirements/{requirement.id}"
        if requirement.needs and requirement.needs not in ids:
            raise SpecError(
                file,
                f"{place}/needs",
                f"'{requirement.needs}' is no earlier requirement",
                "Name one that stands above it",
            )
        if twice := claims.intersection(requirement.claims):
            raise SpecError(
                file,
                f"{place}/claims",
                f"{min(twice)} is in an earlier requirement too",
                "Name each claim once",
            )
        ids.add(requirement.id)
        claims.update(requirement.claims)
