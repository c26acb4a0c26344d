"""Describe values that were seen by a schema: their types, and some as examples."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from specs import Upload

MAX_EXAMPLES = 5
MAX_EXAMPLE_LENGTH = 60  # characters; longer texts are prompts and images
_PRIVATE = {"prompt", "user"}  # texts of people
_UPLOAD_FIELDS = {each.name for each in fields(Upload)}
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def is_upload(value: Any) -> bool:
    """True for the facts of an uploaded file, as recordings have them."""
    return isinstance(value, dict) and set(value) == _UPLOAD_FIELDS


def describe_values(
    values: Sequence[Any],
    name: str = "",
    *,
    with_examples: bool = True,
    with_files: bool = False,
) -> dict[str, Any]:
    """
    A schema that all values meet.

    A field that all objects have is required. Values of a request are its `examples`:
    that others are rejected was not seen, so nothing is an enum. With `with_files`, an
    upload is a file of a form, else an image in a text.
    """
    uploads = [each for each in values if is_upload(each)]
    plain = [each for each in values if not is_upload(each)]
    types = list(dict.fromkeys(_TYPES[type(each)] for each in plain))
    if uploads:
        types = list(dict.fromkeys(["string", *types]))
    if "number" in types and "integer" in types:
        types.remove("integer")
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    entries = [entry for each in plain if isinstance(each, list) for entry in each]
    if entries:
        schema["items"] = describe_values(
            entries, name, with_examples=with_examples, with_files=with_files
        )
    if (uploads and with_files) or schema.get("items", {}).get("format") == "binary":
        schema["format"] = "binary"
    formats = sorted({each["format"] for each in uploads if each["format"]})
    if formats and with_files:
        schema["x-upload"] = {"formats": formats}
    objects = [each for each in plain if isinstance(each, dict)]
    if objects:
        schema.update(_describe_objects(objects, with_examples, with_files))
    scalars = [each for each in plain if isinstance(each, (str, int, float))]
    is_short = all(len(str(each)) <= MAX_EXAMPLE_LENGTH for each in scalars)
    if with_examples and scalars and is_short and name not in _PRIVATE:
        schema["examples"] = list(dict.fromkeys(scalars))[:MAX_EXAMPLES]
    return schema


def _describe_objects(
    objects: Sequence[dict[str, Any]], with_examples: bool, with_files: bool
) -> dict[str, Any]:
    names = list(dict.fromkeys(name for each in objects for name in each))
    required = [name for name in names if all(name in each for each in objects)]
    properties = {
        name: describe_values(
            [each[name] for each in objects if name in each],
            name,
            with_examples=with_examples,
            with_files=with_files,
        )
        for name in names
    }
    return {"required": required, "properties": properties}
