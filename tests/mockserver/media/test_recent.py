"""The inspector's pictures: the latest, small, and never as they were uploaded."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.http import (
    FORM,
    ask,
    control,
    edit,
    form,
    generation,
    opened,
    picture,
    request_for,
    saved,
    url_of,
)

import specs
from mockserver.control.inspector import THUMBNAIL_EDGE
from mockserver.media.image.output import ImageOutput
from mockserver.media.recent import OUTPUT_BYTES, RecentOutputs

kept = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.lists(st.binary(max_size=300), max_size=3),
        st.lists(st.binary(max_size=2000), max_size=3),
    ),
    max_size=60,
)


@given(kept)
def test_it_is_bounded_by_bytes_and_by_count_and_keeps_the_latest(answers):
    outputs = RecentOutputs(max_bytes=9 * OUTPUT_BYTES, max_responses=5)
    for number, (count, inputs, uploads) in enumerate(answers):
        plans = [
            ImageOutput("x", 16, 16, seed=each, inputs=tuple(inputs))
            for each in range(count)
        ]
        files = {hashlib.sha256(each).hexdigest(): each for each in uploads}

        outputs.add(str(number), plans, files)

        held = sum(map(len, outputs._uploads.values())) + sum(
            OUTPUT_BYTES * len(plans)
            + sum(map(len, {id(each): each for each in plans[0].inputs}.values()))
            for plans in outputs._outputs.values()
        )
        assert outputs._bytes == held <= 9 * OUTPUT_BYTES
        assert len(outputs._outputs) <= 5
        assert len(outputs._uploads) <= 5
        for at in range(count):
            assert outputs.output(str(number), at) == plans[at]
        assert (
            outputs.output(str(number), count)
            is outputs.output(str(number), -1)
            is None
        )

    outputs.clear()
    assert (outputs._bytes, outputs._outputs, outputs._uploads) == (0, {}, {})


def test_an_image_that_a_request_has_twice_counts_twice():
    twice = tuple(bytes(bytearray(1000)) for _ in range(2))
    outputs = RecentOutputs(max_bytes=OUTPUT_BYTES + 1999)

    outputs.add("a", [ImageOutput("x", 16, 16, inputs=twice)], {})

    assert outputs.output("a", 0) is None


def test_an_upload_that_comes_again_is_kept_once_and_for_longer():
    outputs = RecentOutputs(max_bytes=1000)
    outputs.add("1", [], {"a": b"x" * 400})
    outputs.add("2", [], {"b": b"y" * 400})
    outputs.add("3", [], {"a": b"x" * 400})
    outputs.add("4", [], {"c": b"z" * 400})

    assert outputs.upload("a") == b"x" * 400
    assert outputs.upload("b") is None
    assert outputs._bytes == 800


def small(running, path):
    answer = control(running, path)
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "image/webp"
    assert "Access-Control-Allow-Origin" not in answer.headers
    image = opened(answer.body)
    assert image.format == "WEBP"
    assert max(image.size) <= THUMBNAIL_EDGE
    return image


@pytest.mark.parametrize("operation_id", ["createImage", "createImageEdit"])
def test_every_picture_of_an_answer_can_be_looked_at(running, provider, operation_id):
    sent = request_for(provider, operation_id, size="1536x1024", n=2)
    assert ask(url_of(running, provider, operation_id), **sent).status == 200
    entry = running.journal(provider.id)[-1]

    images = [
        small(running, f"/pictures/{entry['request_id']}/{index}") for index in (0, 1)
    ]

    for image in images:
        width, height = image.size
        assert width / height == pytest.approx(1.5, rel=0.01)
    assert control(running, f"/pictures/{entry['request_id']}/2").status == 404


@pytest.mark.parametrize("path", ["/pictures/none/0", "/pictures/x/-1",
                                  "/pictures/x/99999", "/pictures/x/%C2%B2",
                                  "/uploads/none", "/uploads/.."])  # fmt: skip
def test_what_is_not_there_is_a_404_in_json(running, path):
    answer = control(running, path)

    assert answer.status == 404
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_an_upload_is_shown_small_and_drawn_anew(running, format):
    """Nothing of the file itself comes back: neither its type nor what it carries."""
    provider = specs.load("tokenhub")
    image = Image.new("RGB", (900, 450), "teal")
    out = io.BytesIO()
    image.save(out, format, **({"exif": b"Exif\0\0secret"} if format == "JPEG" else {}))
    data = out.getvalue()
    sent = edit(provider, FORM, data)
    assert ask(url_of(running, provider, "createImageEdit"), **sent).status == 200

    digest = hashlib.sha256(data).hexdigest()
    found = small(running, f"/uploads/{digest}")

    assert found.size == (320, 160)
    assert b"secret" not in control(running, f"/uploads/{digest}").body


def test_a_page_that_was_uploaded_is_never_shown_as_one(running):
    """A file that is no image is left out or rejected as JSON: it cannot run."""
    provider = specs.load("tikhub")
    evil = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    url = url_of(running, provider, "createImageEdit")
    ask(url, **form(*generation(provider).items(), ("image", evil)))
    digest = hashlib.sha256(evil).hexdigest()

    before = control(running, f"/uploads/{digest}")
    running._context.recent_outputs.add("x", [], {digest: evil, "cut": picture()[:-30]})
    after = control(running, f"/uploads/{digest}")
    cut = control(running, "/uploads/cut")

    assert before.status in {404, 415}
    assert (after.status, cut.status) == (415, 415)
    for answer in (before, after, cut):
        assert answer.headers["Content-Type"].startswith("application/json")
        assert b"<script" not in answer.body


def test_a_bomb_is_refused_before_it_goes_off(running):
    """A small file that says that it is as large as a stadium."""
    bomb = bytearray(saved(Image.new("1", (8, 8))))
    at = bomb.index(b"IHDR") + 4
    bomb[at : at + 8] = (60_000).to_bytes(4) * 2
    running._context.recent_outputs.add("y", [], {"bomb": bytes(bomb)})

    assert control(running, "/uploads/bomb").status == 415


def test_a_reset_forgets_them(running, provider):
    ask(url_of(running, provider), body=generation(provider))
    entry = running.journal(provider.id)[-1]
    path = f"/pictures/{entry['request_id']}/0"
    assert control(running, path).status == 200

    control(running, "/reset", "POST")

    assert control(running, path).status == 404
