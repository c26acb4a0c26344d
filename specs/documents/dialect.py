"""The content of dialect.yaml: how to talk to a provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from specs.documents.sources import builtin_validator
from specs.errors import SpecError
from specs.validation.engine import compile_validator


@dataclass(frozen=True)
class Dialect:
    """
    The content of `dialect.yaml`; `dialect.schema.yaml` describes each part.

    `fields` maps, per operation, a canonical field name to the provider's names.
    """

    title: str
    base_url: str
    key_env: str
    model: str
    delivery: tuple[Mapping[str, Any], ...]
    fields: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=dict)
    clients: Mapping[str, Any] = field(default_factory=dict)
    url_lifetime: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    mock: Mapping[str, Any] = field(default_factory=dict)
    homepage: str = ""
    note: str = ""

    def wire_names(self, operation: str, canonical: str) -> tuple[str, ...]:
        """The provider's names for a canonical field, the preferred one first."""
        return self.fields.get(operation, {}).get(canonical, (canonical,))

    def canonical_name(self, operation: str, wire_name: str) -> str:
        """The canonical name of a field; the same name if the dialect has no other."""
        fields = self.fields.get(operation, {}).items()
        return next((name for name, own in fields if wire_name in own), wire_name)

    def with_canonical_names(
        self, operation: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A payload under canonical names; a field without one keeps its own."""
        renamed = dict(payload)
        for canonical, names in self.fields.get(operation, {}).items():
            given = [name for name in names if name in payload]
            for name in given:
                renamed.pop(name, None)
            if given:
                renamed[canonical] = payload[given[0]]
        return renamed

    def delivery_for(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The delivery entry that applies to a request in canonical names."""
        for entry, when in self._delivery_rules:
            if when is None or when.is_valid(request):
                return entry
        return self.delivery[-1]

    @cached_property
    def price_list(self) -> tuple[tuple[str, Mapping[str, Any], Any], ...]:
        """All prices as (kind, entry, validator of `when` or None)."""
        return tuple(
            (kind, entry, _condition(entry))
            for kind in ("per_image", "per_million_tokens")
            for entry in self.prices.get(kind, ())
        )

    @cached_property
    def _delivery_rules(self) -> tuple[tuple[Mapping[str, Any], Any], ...]:
        return tuple((entry, _condition(entry)) for entry in self.delivery)


def _condition(entry: Mapping[str, Any]) -> Any:
    """The validator of an entry's `when`; None for an entry that always applies."""
    return compile_validator(entry["when"]) if "when" in entry else None


def validate_dialect(file: str, raw: Any) -> None:
    """Raise `SpecError` if a dialect does not follow its schema."""
    for error in builtin_validator("dialect.schema.yaml").iter_errors(raw):
        pointer = "".join(f"/{step}" for step in error.instance_path)
        raise SpecError(
            file,
            pointer,
            error.message[:300],
            "See specs/documents/dialect.schema.yaml",
        )


def build_dialect(raw: Mapping[str, Any]) -> Dialect:
    renamed = {
        operation: {
            canonical: (each,) if isinstance(each, str) else tuple(each)
            for canonical, each in fields.items()
        }
        for operation, fields in raw.get("fields", {}).items()
    }
    optional = (
        *("key", "clients", "url_lifetime", "prices", "usage", "mock"),
        *("homepage", "note"),
    )
    return Dialect(
        title=raw["title"],
        base_url=raw["live"]["base_url"],
        key_env=raw["live"]["key_env"],
        model=raw["model"],
        delivery=tuple(raw["delivery"]),
        fields=renamed,
        **{name: raw[name] for name in optional if name in raw},
    )
