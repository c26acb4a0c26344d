"""Pictures are real, exact, repeatable, and can be told apart."""

import io
import random
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from asking import (
    JSON,
    ask,
    delivered,
    edit,
    form,
    generation,
    opened,
    picture,
    saved,
    url_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mockserver
from mockserver.pictures import (
    FORMATS,
    BadPicture,
    Gallery,
    Plan,
    check,
    encoded,
    look_at,
    thumbnail,
    whose,
)
from mockserver.tokens import Signer, portable

PLAN = Plan(text="A paper boat", width=96, height=64, seed=7, caption="m 96x64 1/1")
plans = st.builds(
    Plan,
    text=st.text(max_size=60),
    width=st.integers(1, 160),
    height=st.integers(1, 160),
    format=st.sampled_from(sorted(FORMATS)),
    transparent=st.booleans(),
    compression=st.integers(0, 100),
    seed=st.integers(0, 2**63 - 1),
    stage=st.integers(0, 3),
)


def noise(width, height, mode="RGB"):
    count = width * height * len(mode)
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(count))


@given(plans)
@settings(deadline=None, max_examples=60)
def test_every_plan_becomes_a_picture_of_exactly_its_size_and_format(plan):
    image = opened(encoded(plan))

    assert image.size == (plan.width, plan.height)
    assert image.format.lower() == plan.format


@given(plans)
@settings(deadline=None, max_examples=40)
def test_a_picture_tells_the_plan_it_was_drawn_from(plan):
    assert whose(encoded(plan)) == plan.identity


@given(plans)
@settings(deadline=None, max_examples=25)
def test_the_same_plan_gives_the_same_bytes(plan):
    assert encoded(plan) == encoded(plan)


@pytest.mark.parametrize("format", FORMATS)
def test_another_seed_gives_other_pixels(format):
    one, other = (
        opened(encoded(replace(PLAN, format=format, seed=seed))).convert("RGB")
        for seed in (1, 2)
    )

    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_the_prompt_can_be_seen(format):
    """Same seed, other words: the pixels differ, so the words are drawn."""
    one, other = (
        opened(encoded(replace(PLAN, format=format, text=text))).convert("RGB")
        for text in ("A paper boat", "A paper kite")
    )

    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_transparent_picture_has_transparent_and_opaque_pixels(format):
    plan = replace(PLAN, format=format, transparent=True)

    low, high = opened(encoded(plan)).getchannel("A").getextrema()

    assert low == 0
    assert high > 128


@pytest.mark.parametrize("format", FORMATS)
def test_an_opaque_picture_has_no_alpha(format):
    image = opened(encoded(replace(PLAN, format=format)))

    assert image.mode in {"P", "RGB"}
    assert "transparency" not in image.info


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_less_compression_gives_a_larger_file(format):
    sizes = [
        len(encoded(replace(PLAN, format=format, compression=each)))
        for each in (0, 40, 90)
    ]

    assert sizes == sorted(set(sizes))


def test_previews_are_the_coarser_the_earlier():
    colours = [
        len(opened(encoded(PLAN.preview(stage))).convert("RGB").getcolors(10_000))
        for stage in (3, 2, 1)
    ]

    assert colours == sorted(set(colours))


@given(st.integers(0, 2**32), st.integers(8, 90), st.integers(8, 90))
@settings(deadline=None, max_examples=20)
def test_what_a_mask_keeps_is_kept_to_the_pixel(seed, width, height):
    """Opaque is kept, transparent is drawn anew."""
    source = noise(width, height)
    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    plan = Plan(
        "p", width, height, seed=seed, inputs=(saved(source),), mask=saved(mask)
    )

    result = opened(encoded(plan)).convert("RGB")

    kept, redrawn = (width // 2, 0, width, height), (0, 0, width // 2, height)
    assert result.crop(kept).tobytes() == source.crop(kept).tobytes()
    assert result.crop(redrawn).tobytes() != source.crop(redrawn).tobytes()


def test_without_a_mask_every_input_shows():
    red, blue = picture(colour="red"), picture(colour="blue")
    answers = {
        encoded(replace(PLAN, inputs=inputs))
        for inputs in ((), (red,), (blue,), (red, blue), (blue, red))
    }

    assert len(answers) == 5


@pytest.mark.parametrize(
    ("format", "mode", "alpha"),
    [
        ("PNG", "RGBA", True),
        ("PNG", "RGB", False),
        ("PNG", "LA", True),
        ("PNG", "L", False),
        ("JPEG", "RGB", False),
        ("WEBP", "RGBA", True),
        ("WEBP", "RGB", False),
        ("GIF", "P", False),
    ],
)
def test_the_facts_of_an_upload_come_from_its_bytes(format, mode, alpha):
    data = saved(
        noise(30, 20, mode) if mode != "P" else Image.new("P", (30, 20)), format
    )

    facts = look_at(data, filename="lie.bmp", content_type="image/bmp")

    assert (facts.format, facts.width, facts.height) == (format.lower(), 30, 20)
    assert facts.alpha is alpha
    assert (facts.filename, facts.content_type) == ("lie.bmp", "image/bmp")
    assert facts.bytes == len(data)


def test_a_palette_with_a_transparent_colour_has_alpha():
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "PNG", transparency=0)

    assert look_at(out.getvalue()).alpha


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_what_is_no_picture_has_no_format(data):
    facts = look_at(data)

    assert (facts.format, facts.width, facts.height) == (None, None, None)
    with pytest.raises(BadPicture):
        check(data or b"\0")


@given(
    format=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]),
    at=st.integers(0, 4000),
    value=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 400),
)
@settings(deadline=None, max_examples=150)
def test_a_damaged_picture_is_refused_and_nothing_worse(format, at, value, cut):
    data = bytearray(saved(noise(12, 12), format))
    data[at % len(data) : at % len(data) + len(value)] = value
    damaged = bytes(data[: len(data) - cut % len(data)]) or b"\0"

    assert look_at(damaged).bytes == len(damaged)
    with suppress(BadPicture):
        check(damaged)


def test_a_picture_too_large_to_look_at_is_refused_before_it_is_decoded():
    data = bytearray(picture())
    data[16:24] = (20_000).to_bytes(4, "big") * 2  # width and height

    assert look_at(bytes(data)).bytes == len(data)
    with pytest.raises(BadPicture):
        check(bytes(data))


def test_a_gallery_is_bounded_by_bytes():
    gallery = Gallery(max_bytes=20_000)
    for seed in range(40):
        gallery.draw(replace(PLAN, seed=seed))

    assert gallery._bytes <= 20_000
    assert gallery._bytes == sum(map(len, gallery._pictures.values()))
    assert gallery.get(replace(PLAN, seed=39)) is not None
    assert gallery.get(replace(PLAN, seed=0)) is None


def test_a_gallery_counts_a_picture_once_however_many_draw_it():
    gallery, gate = Gallery(), threading.Barrier(4)

    def draw():
        gate.wait()
        gallery.draw(PLAN)

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    gallery._keep(PLAN, encoded(PLAN))

    assert gallery._bytes == len(encoded(PLAN))


@given(
    st.integers(1, 6), st.booleans(), st.text(max_size=400), st.sampled_from(["P", "N"])
)
@settings(deadline=None, max_examples=15)
def test_the_address_of_any_plan_fits_into_a_request_line(count, masked, text, kind):
    """Even pictures of noise, which nothing makes small, are made small enough."""
    each = saved(noise(300, 200, "RGBA")) if kind == "N" else picture(300, 200)
    plan = replace(
        PLAN, text=text, inputs=(each,) * count, mask=each if masked else None
    )
    signer = Signer(b"secret", lambda: 0.0)

    token = signer.token(portable(plan), 10)

    assert len(token) < 8000
    assert signer.plan(token) == portable(plan)


def test_a_thumbnail_keeps_its_proportions():
    image = opened(thumbnail(picture(400, 100), 80))

    assert image.size == (80, 20)


@pytest.mark.parametrize("size", ["1024x1024", "1024x1536", "1536x1024"])
@pytest.mark.parametrize("format", FORMATS)
def test_an_answer_has_the_size_and_format_asked_for(mock, provider, size, format):
    operation = provider.operations["createImage"]
    name = provider.dialect.names(operation.id, "output_format")[0]
    if name not in operation.bodies[JSON].properties:
        return

    payload = generation(provider, size=size, **{name: format})
    answer = ask(url_of(mock, provider), body=payload)

    image = opened(delivered(answer.json["data"][0]))
    assert f"{image.width}x{image.height}" == size
    assert image.format.lower() == format


def test_the_same_request_gives_the_same_picture_and_another_seed_another(provider):
    def drawn(seed):
        with mockserver.running(
            provider, settings=mockserver.Settings(seed=seed)
        ) as running:
            answer = ask(url_of(running, provider), body=generation(provider))
            return delivered(answer.json["data"][0])

    one = drawn(1)

    assert one == drawn(1)
    assert one != drawn(2)


def test_an_edit_keeps_what_its_mask_keeps(mock, provider):
    """Through the server: the opaque half to the pixel, the other half anew."""
    source = noise(1024, 1024)
    mask = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 512, 1024))
    fields = generation(provider, size="1024x1024").items()
    sent = form(*fields, ("image", saved(source)), ("mask", saved(mask)))

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    item = answer.json["data"][0]
    if item.get("url", "").startswith("http"):
        return  # an address holds the pictures of an edit only in small
    result = opened(delivered(item)).convert("RGB")
    kept, redrawn = (512, 0, 1024, 1024), (0, 0, 512, 1024)
    assert result.crop(kept).tobytes() == source.crop(kept).tobytes()
    assert result.crop(redrawn).tobytes() != source.crop(redrawn).tobytes()


def test_an_edit_shows_what_it_was_given(mock, provider):
    def shade(media_type, colour):
        sent = edit(provider, media_type, picture(colour=colour))
        answer = ask(url_of(mock, provider, "createImageEdit"), **sent)
        image = opened(delivered(answer.json["data"][0])).convert("RGB")
        return image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))

    for media_type in provider.operations["createImageEdit"].bodies:
        red, blue = shade(media_type, "red"), shade(media_type, "blue")

        assert red[0] - blue[0] > 100
        assert blue[2] - red[2] > 100
