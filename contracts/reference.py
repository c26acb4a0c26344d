"""Write the reference page of all that a provider definition may contain."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.cli.documents.schema import schema
from specs.documents.loading.builder import REQUIRED_ERRORS
from specs.validation import vocabulary

INTRODUCTION = """\
# Words of a provider definition

<!-- Made by `make docs` from the tables that the loader reads. -->

[Describe your own gateway](provider.md) shows how they are used. `imageparity lint`
finds a word that is not listed here, and says which one may be meant.
"""

# Definitions that are named in a table, without the keys in them.
TERMS = {"place": "place", "seconds": "seconds", "at": "JSON pointer"}
PLACE = "`{at: POINTER, unit: s | ms | iso, min: 0, max: 100}`; only `at` is needed"
PLACEHOLDERS = {
    "{id}": "the id of the task",
    "{state}": "its state, in the words of the provider",
    "{model}": "its model",
    "{progress}": "its progress",
    "{request_id}": "the id of the response",
    "{created_s}": "the time of creation in seconds since 1970; `_ms` for "
    "milliseconds, `_iso` for ISO 8601; also `updated`, `completed`, `expires`, `now`",
    "{request.NAME}": "a field of the request, in the usual name",
    "{error.NAME}": "a field of the failure in `failures`",
    "{usage.tokens}": "the tokens of a video",
    "{source.id}": "the id of the task whose result this one begins with",
    "{output.NAME}": "of a result: `url`, `b64_json`, `data_uri`, `content_url`, `id`, "
    "`index`, `media_type`, `width`, `height`, `duration`, `seed` and others; a list "
    "of one item is repeated for each result",
    "{items}": "the tasks of a page; also `{total}`, `{has_more}`, `{first_id}`, "
    "`{last_id}`, `{next_after}`",
    "{model.NAME}": "of a model: `id`, and what `x-models` says of it; a list of one "
    "item is repeated for each model",
    "{NAME:str}": "the value as a text; `{NAME:null}` is null where it is missing",
}


def reference_page() -> str:
    """The page as Markdown."""
    return "\n".join(
        [
            INTRODUCTION,
            *_words(),
            *_guarantees(),
            *_errors(),
            *_task_keys("x-tasks", "task", "Each kind of task, by its name."),
            *_task_keys("x-task", "role", "One operation on tasks of a kind."),
            *_model_keys(),
            *_placeholders(),
            *_keys("dialect.yaml", schema("dialect")),
            *_keys("sources.yaml", schema("sources")),
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


def _task_keys(word: str, definition: str, sentence: str) -> Iterator[str]:
    whole = schema("document")
    node = {**whole["$defs"][definition], "$defs": whole["$defs"]}
    yield from _keys(word, node, f"{sentence} A place is {PLACE}.\n")


def _model_keys() -> Iterator[str]:
    whole = schema("document")
    definitions = {"$defs": whole["$defs"]}
    role = {**whole["$defs"]["models_role"], **definitions}
    yield from _keys("x-model", role, "One operation on the models of the provider.\n")
    model = {**whole["$defs"]["model"], **definitions}
    sentence = (
        "Each model, by its id; those that requests name need no entry. Any other key "
        "is a value for `{model.KEY}` in responses.\n"
    )
    yield from _keys("x-models", model, sentence)


def _placeholders() -> Iterator[str]:
    yield "## Placeholders of responses about tasks and models\n"
    yield (
        "The mock fills in the examples of these responses: `created` of a creation, "
        "one by the name of each state of a read, `page` of a list, `model` of a "
        "model.\n"
    )
    yield "| placeholder | meaning |\n|---|---|"
    yield from (f"| `{name}` | {about} |" for name, about in PLACEHOLDERS.items())
    yield ""


def _keys(title: str, whole: Mapping[str, Any], sentence: str = "") -> Iterator[str]:
    yield f"## Keys of {title}\n"
    if sentence:
        yield sentence
    yield "| key | value | meaning |\n|---|---|---|"
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
        part, name = value, value.get("$ref", "").rpartition("/")[2]
        if name:
            part = {**whole["$defs"][name], **value}
        if name in TERMS:
            part = {"type": TERMS[name], "description": part.get("description", "")}
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
