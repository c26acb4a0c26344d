"""Likenesses of the pictures in an answer: small, few, true to their facts."""

import base64
import io
import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from PIL import Image
from support.reports import finding

import contracts
from contracts.judging.interaction import Interaction
from contracts.media.image.medium import IMAGE
from contracts.media.image.thumbnails import MAX_EDGE
from contracts.media.previews import MAX_PREVIEWS, previews, with_previews
from contracts.planning.case import Case
from specs import State

SCHEMA = Path(contracts.__file__).with_name("report") / "report.schema.yaml"


def drawn(mode="RGB", size=(640, 640), format_="PNG"):
    """Noise, which is as heavy as a picture can be."""
    data = os.urandom(size[0] * size[1] * len(mode))
    out = io.BytesIO()
    Image.frombytes(mode, size, data).save(out, format_)
    return out.getvalue()


def answered(*files, status=200):
    items = [{"b64_json": base64.b64encode(each).decode()} for each in files]
    case = Case("a", "createImage", "probe", State.VALID)
    body = json.dumps({"data": items}).encode()
    headers = {"content-type": "application/json"}
    return Interaction(case, status, headers, body, 0.1).success_outputs


@pytest.mark.parametrize(
    ("mode", "format_"),
    [("RGB", "PNG"), ("RGBA", "PNG"), ("L", "JPEG"), ("RGBA", "WEBP")],
)
def test_a_likeness_is_small_and_has_the_facts_of_the_picture(mode, format_):
    (found,) = previews(IMAGE, answered(drawn(mode, format_=format_)))

    assert (found["format"], found["width"], found["height"]) == (
        format_.lower(),
        640,
        640,
    )
    assert len(found["thumbnail"]) <= 4_096
    head, _, text = found["thumbnail"].partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert image.size == (MAX_EDGE, MAX_EDGE)
        assert ("A" in image.getbands()) == (mode == "RGBA")


def test_at_most_so_many_are_shown_and_what_is_none_is_left_out():
    file = drawn(size=(16, 16))

    assert len(previews(IMAGE, answered(*[file] * (MAX_PREVIEWS + 3)))) == MAX_PREVIEWS
    assert len(previews(IMAGE, answered(b"no picture", file))) == 1
    assert previews(IMAGE, answered(file, status=400)) == []


def test_a_picture_is_as_the_schema_of_reports_has_it():
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    picture = {"$ref": "#/$defs/picture", "$defs": schema["$defs"]}

    (found,) = previews(IMAGE, answered(drawn()))

    jsonschema.validate(found, picture, jsonschema.Draft202012Validator)
    answer = schema["$defs"]["finding"]["properties"]["answer"]
    assert answer["properties"]["pictures"]["items"] == {"$ref": "#/$defs/picture"}


def test_a_finding_without_pictures_stays_as_it_was():
    assert with_previews(finding(), IMAGE, answered()) == finding()
    assert "pictures" in with_previews(finding(), IMAGE, answered(drawn())).answer
