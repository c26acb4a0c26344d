"""Write the reference page of all that a provider definition may contain."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.cli.documents.schema import schema
from specs.documents.builder import REQUIRED_ERRORS
from specs.validation import vocabulary

INTRODUCTION = """\
# Words of a provider definition

<!-- Made by `make docs` from the tables that the loader reads. -->

[Describe your own gateway](provider.md) shows how they are used. `imageparity lint`
finds a word that is not listed here, and says which one may be meant.
"""


def reference_page() -> str:
    """The page as Markdown."""
    return "\n".join(
        [
            INTRODUCTION,
            *_words(),
            *_guarantees(),
            *_errors(),
            *_keys("dialect", "dialect.yaml"),
            *_keys("sources", "sources.yaml"),
        ]
    )


def _words() -> Iterator[str]:
    yield "## Words in openapi.yaml\n"
    yield (
        "The rest of `openapi.yaml` is OpenAPI 3.1 with JSON Schema 2020-12. Mock and "
        "harness check each word that constrains a request.\n"
    )
    meanings = {**vocabulary.ANNOTATIONS, **vocabulary.MEANINGS}
    for word in sorted(meanings):
        place, example = vocabulary.USES[word]
        kind = "Constrains" if word in vocabulary.KEYWORDS else "Informs"
        yield f"### {word}\n"
        yield f"{_sentence(meanings[word])} {kind}; written in {place}.\n"
        yield f"```yaml\n{example}\n```\n"
        limits = vocabulary.LIMITS.get(word, {})
        if limits:
            yield "| limit | meaning |\n|---|---|"
            yield from (f"| `{name}` | {about} |" for name, about in limits.items())
            yield ""


def _guarantees() -> Iterator[str]:
    yield "## Names in x-guarantees\n"
    yield (
        "`{name: NAME}`, or with a condition on the request in the usual field names: "
        "`{name: NAME, if: {required: [output_format]}}`.\n"
    )
    yield "| name | meaning |\n|---|---|"
    for name, about in vocabulary.GUARANTEES.items():
        yield f"| `{name}` | {about} |"
    yield ""


def _errors() -> Iterator[str]:
    yield "## Errors of an operation\n"
    yield (
        "An error is a named example of a response. These four are needed; others may "
        "be added. `{message}` and `{param}` in a value are filled in by the mock.\n"
    )
    yield "| name | usual status |\n|---|---|"
    for name, status in REQUIRED_ERRORS.items():
        yield f"| `{name}` | {status} |"
    yield ""


def _keys(name: str, file: str) -> Iterator[str]:
    yield f"## Keys of {file}\n"
    yield "| key | value | meaning |\n|---|---|---|"
    whole = schema(name)
    for key, part, is_required in _parts(whole, whole):
        need = " (needed)" if is_required else ""
        about = part.get("description", "").replace("|", "\\|").replace("\n", " ")
        yield f"| `{key}`{need} | {_value(part)} | {about} |"
    yield ""


def _parts(
    whole: Mapping[str, Any], node: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield the keys of a file with their schemas, and whether each is needed."""
    for key, value in node.get("properties", {}).items():
        part = value
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        yield f"{prefix}{key}", part, key in node.get("required", ())
        yield from _parts(whole, part, f"{prefix}{key}.")
        items = part.get("items")
        if isinstance(items, dict):
            yield from _parts(whole, items, f"{prefix}{key}[].")
    further = node.get("additionalProperties")
    if isinstance(further, dict):
        yield from _parts(whole, further, f"{prefix}ID.")


def _value(part: Mapping[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{each}`" for each in part["enum"])
    if "pattern" in part:
        return f"text like `{part['pattern']}`"
    types = part.get("type", "")
    if isinstance(types, list):
        types = " or ".join(types)
    if part.get("items", {}).get("type"):
        return f"{types} of {part['items']['type']}s"
    return str(types or ("any" if "anyOf" not in part else json.dumps(_types(part))))


def _types(part: Mapping[str, Any]) -> list[Any]:
    return [each.get("type") for each in part["anyOf"]]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference_page(), encoding="utf-8")
