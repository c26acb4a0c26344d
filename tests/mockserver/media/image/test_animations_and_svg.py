"""GIF pictures are animations, SVG pictures are vectors, and a markup is drawn."""

import base64
import io
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageChops, ImageStat
from support.browser import chromium
from support.http import ask, form, picture

import mockserver
from mockserver.media.image.provenance import read_provenance

pytestmark = pytest.mark.slow

DATED = "openai@2026-08-21"
MODEL = {"model": "gpt-image-2.6-flare", "prompt": "<A & B> at 10 o'clock"}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def mock():
    with mockserver.running("openai", DATED) as running:
        yield running


def drawn(answer):
    assert answer.status == 200, answer.body
    (entry,) = answer.json["data"]
    return base64.b64decode(entry["b64_json"])


def generated(mock, **more):
    url = f"{mock.base_urls['openai']}/images/generations"
    return ask(url, body={**MODEL, "size": "1024x1024", **more})


@pytest.mark.parametrize(
    ("more", "frames", "duration"),
    [({}, 9, 200), ({"frame_count": 3, "frame_duration_ms": 44}, 3, 40)],
)
def test_a_gif_is_an_animation(mock, more, frames, duration):
    data = drawn(generated(mock, output_format="gif", **more))

    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.n_frames) == (
            "GIF",
            (1024, 1024),
            frames,
        )
        seen = []
        for at in range(frames):
            image.seek(at)
            assert image.info["duration"] == duration
            seen.append(image.convert("RGB").tobytes())
    assert len(set(seen)) == frames
    assert read_provenance(data).format == "gif"


def test_an_svg_is_a_vector_without_references(mock):
    data = drawn(generated(mock, output_format="svg"))

    root = ET.fromstring(data)
    assert (root.tag, root.get("width"), root.get("height")) == (
        f"{SVG}svg",
        "1024",
        "1024",
    )
    names = {each.tag.removeprefix(SVG) for each in root.iter()}
    assert {"circle", "polygon", "text"} <= names
    assert "image" not in names
    assert "href" not in " ".join(key for each in root.iter() for key in each.attrib)
    assert MODEL["prompt"] in "".join(root.itertext())
    assert read_provenance(data).width == 1024


@pytest.mark.browser
def test_a_browser_draws_the_svg(mock):
    data = drawn(generated(mock, output_format="svg"))
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1024, "height": 1024})
        address = base64.b64encode(data).decode()
        page.set_content(
            f"<body style='margin:0'><img src='data:image/svg+xml;base64,{address}'>"
        )
        shown = page.screenshot()

    with Image.open(io.BytesIO(shown)) as image:
        assert len(image.convert("RGB").getcolors(1 << 24)) > 20


def test_the_author_of_an_svg_is_billed_apart(mock):
    answer = generated(mock, output_format="svg", svg={"model": "gpt-6"})

    usage = answer.json["svg_usage"]
    assert usage["model"] == "gpt-6"
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert "svg_usage" not in generated(mock, output_format="svg").json


def test_a_markup_is_laid_over_the_first_picture(mock):
    url = f"{mock.base_urls['openai']}/images/edits"
    layer = Image.new("RGBA", (64, 64))
    layer.paste((255, 0, 0, 255), (16, 16, 32, 32))
    out = io.BytesIO()
    layer.save(out, "PNG")

    def edited(**more):
        fields = {**MODEL, "model": "gpt-image-2.5-flare", "size": "1024x1024"}
        sent = form(*fields.items(), ("image", picture(64, 64)), *more.items())
        with Image.open(io.BytesIO(drawn(ask(url, **sent)))) as image:
            return image.convert("RGB")

    changed = ImageChops.difference(edited(), edited(markup=out.getvalue()))
    inside, outside = (
        changed.crop((300, 300, 480, 480)),
        changed.crop((0, 540, 1024, 700)),
    )
    red, elsewhere = (ImageStat.Stat(each).mean[0] for each in (inside, outside))
    assert red > 3 * elsewhere


@pytest.mark.parametrize(
    ("served", "model", "status"),
    [
        (DATED, "gpt-image-1.5", 200),
        ("openai", "gpt-image-1.5", 400),
        ("openai", "dall-e-3", 400),
        ("openai", "gpt-image-2", 200),
    ],
)
def test_a_model_is_known_as_of_the_day(mock, served, model, status):
    url = f"{mock.base_urls[served]}/images/generations"

    answer = ask(url, body={"model": model, "prompt": "a"})

    assert answer.status == status
    if status == 400:
        assert answer.json["error"] == {
            "message": f"The model '{model}' does not exist.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_value",
        }


def test_the_day_is_in_the_address_and_in_what_the_mock_tells(mock):
    assert mock.base_urls[DATED] == f"{mock.url}/{DATED}/v1"
    told = ask(f"{mock.url}/__mock__/providers", method="GET", key=None).json
    days = {each["id"]: each["as_of"] for each in told["providers"]}
    assert days == {"openai": "2026-12-01", DATED: "2026-08-21"}


def test_the_user_that_counts_is_told(mock):
    for more, told in (
        ({"user": "u"}, "u"),
        ({"user": "u", "safety_identifier": "s"}, "s"),
    ):
        assert generated(mock, **more).json["safety_identifier"] == told
    assert "safety_identifier" not in generated(mock).json
