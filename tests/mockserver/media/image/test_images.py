"""Pictures are real, exact, repeatable, and can be told apart."""

import base64
import colorsys
import io
import random
import string
import threading
import unicodedata
import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat
from support.http import (
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
from support.properties import examples
from support.video import run_ffmpeg

import mockserver
from mockserver.media.image.drawing import edit as edits
from mockserver.media.image.drawing import encode, jpeg, scene
from mockserver.media.image.drawing import png as splicing
from mockserver.media.image.drawing.encode import render_image
from mockserver.media.image.drawing.text import font as letters_of
from mockserver.media.image.drawing.text import transliterate
from mockserver.media.image.output import ImageOutput
from mockserver.media.image.plan import FORMATS, MAX_TEXT_LENGTH, BadImage
from mockserver.media.image.planning import UNFETCHED_IMAGE
from mockserver.media.image.provenance import Provenance, read_provenance
from mockserver.media.image.uploads import thumbnail, upload_facts, verify
from mockserver.media.links import Link, Signer
from mockserver.media.rendering import RenderCache

pytestmark = pytest.mark.slow

PLAN = ImageOutput(
    text="A paper boat", width=96, height=64, seed=7, caption="m 96x64 1/1"
)
uploads = st.sampled_from([picture(40, 30), picture(16, 16, mode="RGBA", colour=0)])
plans = st.builds(
    ImageOutput,
    text=st.text(max_size=60),
    width=st.integers(1, 160),
    height=st.integers(1, 160),
    format=st.sampled_from(sorted(FORMATS)),
    transparent=st.booleans(),
    compression=st.integers(0, 100),
    seed=st.integers(-(2**63), 2**63),
    caption=st.text(max_size=20),
    inputs=st.lists(uploads | st.just(UNFETCHED_IMAGE), max_size=5).map(tuple),
    mask=st.none() | uploads,
    stage=st.integers(0, 3),
    request=st.text("0123456789abcdef", min_size=16, max_size=16),
    index=st.integers(0, 63),
    realistic=st.booleans(),
)


def noise(width, height, mode="RGB"):
    count = width * height * len(mode)
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(count))


def drawn(plan):
    return opened(render_image(plan)).convert("RGB")


def difference(one, other):
    """The mean difference of two images, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@given(plans)
@settings(deadline=None, max_examples=examples(60))
def test_every_plan_becomes_a_picture_of_exactly_its_size_and_format(plan):
    image = opened(render_image(plan))

    assert image.size == (plan.width, plan.height)
    assert image.format.lower() == plan.format


@given(plans)
@settings(deadline=None, max_examples=examples(40))
def test_a_picture_tells_the_plan_it_was_drawn_from(plan):
    assert read_provenance(render_image(plan)) == Provenance(
        request=plan.request,
        seed=plan.seed,
        index=plan.index,
        identity=plan.identity,
        format=plan.format,
        width=plan.width,
        height=plan.height,
    )


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_of_others_is_nobodys(format):
    assert read_provenance(saved(noise(20, 20), format)) is None


@given(st.binary(max_size=200))
def test_what_is_no_picture_has_no_provenance(data):
    with pytest.raises(BadImage):
        read_provenance(data)


@given(plans)
@settings(deadline=None, max_examples=examples(25))
def test_the_same_plan_gives_the_same_bytes(plan):
    assert render_image(plan) == render_image(plan)


@pytest.mark.parametrize("format", FORMATS)
def test_another_seed_gives_other_pixels(format):
    one, other = (
        opened(render_image(replace(PLAN, format=format, seed=seed))).convert("RGB")
        for seed in (1, 2)
    )

    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_the_prompt_can_be_seen(format):
    """Same seed, other words: the pixels differ, so the words are drawn."""
    one, other = (
        opened(render_image(replace(PLAN, format=format, text=text))).convert("RGB")
        for text in ("A paper boat", "A paper kite")
    )

    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_transparent_picture_has_transparent_and_opaque_pixels(format):
    plan = replace(PLAN, format=format, transparent=True)

    image = opened(render_image(plan))

    assert image.mode == "RGBA"  # as that of real providers, not a palette
    low, high = image.getchannel("A").getextrema()
    assert low == 0
    assert high > 128


@pytest.mark.parametrize("format", FORMATS)
def test_an_opaque_picture_has_no_alpha(format):
    image = opened(render_image(replace(PLAN, format=format)))

    assert image.mode in {"P", "RGB"}
    assert "transparency" not in image.info


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_less_compression_gives_a_larger_file(format):
    sizes = [
        len(render_image(replace(PLAN, format=format, compression=each)))
        for each in (0, 40, 90)
    ]

    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("inputs", [(), (picture(64, 64),)])
@pytest.mark.parametrize("size", [(1024, 1024), (256, 128), (96, 64)])
def test_previews_show_the_finished_picture_ever_more_clearly(inputs, size):
    """Each is nearer to it than the one before, and the first nearer than to others."""
    plan = replace(PLAN, inputs=inputs, width=size[0], height=size[1])
    finished = drawn(plan)

    apart = [difference(drawn(plan.preview(stage)), finished) for stage in (3, 2, 1)]

    assert apart == sorted(set(apart), reverse=True)
    assert 0 < apart[-1] < 12
    for seed in (1, 2, 3):
        other = drawn(replace(plan, seed=seed))
        assert apart[0] < difference(drawn(plan.preview(3)), other)


LONG = (
    "An extremely detailed wide-angle photograph of an old fishing village at the "
    "coast in the early morning, with small wooden boats, nets that dry in the wind, "
    "gulls in the air, warm golden light on red houses, fog over the water, grain, "
    "and in the distance the snow-covered mountains mirrored in the completely still "
    "fjord; no people, no lettering, no watermark, nothing that disturbs the quiet."
)
SIZES = [
    *((16, 16), (64, 64), (256, 256), (1024, 1024), (4096, 4096)),
    *((3840, 1280), (64, 1024), (1024, 64), (1024, 1536), (1, 1), (7, 300)),
]


def lettering(plan, monkeypatch):
    """The text drawn on an image: place, size and words of each line."""
    found = []

    def write(image, place, line, level, size):
        found.append((place, letters_of(size), line))

    with monkeypatch.context() as patch:
        patch.setattr(scene, "draw_line", write)
        encode.draw_levels(plan)
    return found


@pytest.mark.parametrize("text", ["Boat", "A red cube on a table", LONG, "x" * 400])
@pytest.mark.parametrize("size", SIZES)
def test_the_words_stay_within_the_picture(size, text, monkeypatch):
    width, height = size
    caption = f"model {width}x{height} 1/1"
    plan = replace(PLAN, text=text, width=width, height=height, caption=caption)

    lines = lettering(plan, monkeypatch)

    assert lines
    for (x, y), font, line in lines:
        if min(size) >= 16:
            assert x >= 0
            assert x + font.getlength(line) <= width + 1
            assert y >= 0
            assert y + font.size <= height + 1


@pytest.mark.parametrize("size", [each for each in SIZES if each[0] * each[1] > 2**15])
@pytest.mark.parametrize("text", ["Boat", LONG, "x" * MAX_TEXT_LENGTH])
def test_a_picture_that_is_large_enough_shows_every_letter(size, text, monkeypatch):
    plan = replace(PLAN, text=text, width=size[0], height=size[1], caption="")

    found = lettering(plan, monkeypatch)

    written = "".join(line for _, _, line in found)
    assert written.replace(" ", "") == text.replace(" ", "")
    assert min(font.size for _, font, _ in found) >= 7


@pytest.mark.parametrize(("edge", "least"), [(256, 9), (1024, 28), (4096, 103)])
def test_large_pictures_have_large_letters(edge, least, monkeypatch):
    plan = replace(PLAN, text=LONG, width=edge, height=edge, caption="")

    assert all(font.size >= least for _, font, _ in lettering(plan, monkeypatch))


def test_an_end_for_which_there_is_no_room_becomes_dots(monkeypatch):
    plan = replace(PLAN, text=LONG, width=64, height=64, caption="")

    *_, (_, _, last) = lettering(plan, monkeypatch)

    assert last.endswith("...")


def test_letters_stand_out_from_what_is_below_them():
    """By the contrast ratio of WCAG 2: 7 for the prompt, 4.5 for the small print."""

    def luminance(ramp, level):
        channels = [each / 255 for each in ramp[level * 3 : level * 3 + 3]]
        linear = [
            each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
            for each in channels
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ramps = {
        scene.palette_of(ImageOutput("", 1, 1, seed=seed, index=index))
        for seed in range(600)
        for index in range(2)
    }
    assert len(ramps) > 200
    for ramp in ramps:
        below = luminance(ramp, scene.PANEL_LEVEL)
        prompt = luminance(ramp, scene.TEXT_LEVEL)
        small = luminance(ramp, scene.CAPTION_LEVEL)
        assert (prompt + 0.05) / (below + 0.05) >= 7
        assert (small + 0.05) / (below + 0.05) >= 4.5


@given(st.text(max_size=60))
@settings(max_examples=examples(300))
def test_any_text_can_be_written(text):
    """Only in letters that the font has, and no letter or digit is lost."""
    found = transliterate(text)

    assert set(found) <= set(string.printable)
    kinds = {unicodedata.category(each)[0] for each in text}
    assert bool(kinds & set("LN")) <= bool(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A red cube", "A red cube"),
        ("Ein größeres Café für 5 €", "Ein grosseres Cafe fur 5 EUR"),
        ("«Елка» \N{EM DASH} щука", "<<Elka>> - shchuka"),
        ("κόκκινος κύβος", "kokkinos kyvos"),
        ("さくら", "sakura"),
        ("빨간", "PpalGan"),
        ("A \N{FROG FACE}\N{VARIATION SELECTOR-16}!", "A :frog:!"),
        ("红色", "HongSe"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}\N{SUPERSCRIPT TWO}", "A2"),
        ("one\ntwo\x00\N{ZERO WIDTH SPACE}", "one two"),
    ],
)
def test_other_scripts_are_spelt_in_latin(text, expected):
    assert transliterate(text) == expected


WEIGHTS = {"png": (1_000, 3_000), "jpeg": (200, 600), "webp": (200, 1_500)}


@pytest.mark.parametrize("inputs", [(), (picture(64, 64, colour="white"),)])
@pytest.mark.parametrize("format", FORMATS)
def test_a_realistic_picture_weighs_what_real_ones_do(format, inputs):
    """In kilobytes, at 1024x1024 and the compression of a request that names none."""
    plan = ImageOutput("p", 1024, 1024, format=format, inputs=inputs, realistic=True)

    least, most = WEIGHTS[format]
    assert least < len(render_image(plan)) / 1000 < most


@pytest.mark.parametrize("transparent", [False, True])
def test_the_weight_of_a_realistic_picture_grows_with_its_pixels(transparent):
    small, large = (
        len(
            render_image(
                ImageOutput("p", e, e, realistic=True, transparent=transparent)
            )
        )
        for e in (256, 1024)
    )

    assert 12 < large / small < 20


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_realistic_picture_can_be_compressed(format):
    plan = ImageOutput("p", 512, 512, format=format, realistic=True)
    strong, middle, weak = (
        len(render_image(replace(plan, compression=each))) for each in (10, 60, 100)
    )

    assert strong < middle / 2
    assert middle < weak / 2


@pytest.mark.parametrize("format", ["png", "webp"])
def test_grain_leaves_transparency_alone(format):
    plan = replace(PLAN, format=format, transparent=True)
    plain, realistic = (
        opened(render_image(replace(plan, realistic=each))) for each in (False, True)
    )

    assert plain.mode == realistic.mode == "RGBA"
    assert plain.getchannel("A").tobytes() == realistic.getchannel("A").tobytes()


def test_grain_hides_nothing():
    apart = difference(drawn(PLAN), drawn(replace(PLAN, realistic=True)))

    assert 0 < apart < 4


def test_a_realistic_edit_keeps_what_its_mask_keeps_but_for_the_grain():
    source = Image.new("RGB", (96, 64), (200, 100, 50))
    mask = Image.new("RGBA", (96, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 48, 64))
    plan = replace(PLAN, inputs=(saved(source),), mask=saved(mask), realistic=True)

    result = drawn(plan)

    kept, redrawn = (48, 0, 96, 64), (0, 0, 48, 64)
    assert difference(result.crop(kept), source.crop(kept)) < 4
    assert difference(result.crop(redrawn), source.crop(redrawn)) > 24


def test_a_mask_is_for_the_first_of_several_pictures():
    red, blue = picture(colour="red"), picture(colour="blue")
    nothing = picture(mode="RGBA", colour=(0, 0, 0, 0))
    plan = replace(PLAN, inputs=(red, blue), mask=nothing)

    result = drawn(plan)

    left, right = (result.crop((x, 0, x + 48, 64)) for x in (0, 48))
    assert right.getcolors() == [(48 * 64, (0, 0, 255))]
    assert (255, 0, 0) not in {colour for _, colour in left.getcolors()}


@pytest.mark.parametrize("count", range(1, 17))
def test_every_one_of_several_pictures_has_a_place(count):
    """Side by side without a gap, no place twice."""
    cells = edits._grid_cells(count, (960, 640))

    areas = [(right - left) * (low - high) for left, high, right, low in cells]
    assert len(set(cells)) == len(cells) == count
    assert min(areas) > 0
    assert sum(areas) == 960 * 640


def test_a_transparent_edit_has_transparent_corners_only():
    plan = replace(PLAN, inputs=(picture(),), transparent=True)

    alpha = opened(render_image(plan)).getchannel("A")

    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((48, 32)) == 255
    assert ImageStat.Stat(alpha).mean[0] > 0.9 * 255


@given(st.integers(0, 2**32), st.integers(8, 90), st.integers(8, 90))
@settings(deadline=None, max_examples=examples(20))
def test_what_a_mask_keeps_is_kept_to_the_pixel(seed, width, height):
    """Opaque is kept, transparent is drawn anew."""
    source = noise(width, height)
    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    plan = ImageOutput(
        "p", width, height, seed=seed, inputs=(saved(source),), mask=saved(mask)
    )

    result = drawn(plan)

    kept, redrawn = (width // 2, 0, width, height), (0, 0, width // 2, height)
    assert result.crop(kept).tobytes() == source.crop(kept).tobytes()
    assert result.crop(redrawn).tobytes() != source.crop(redrawn).tobytes()


def test_without_a_mask_every_input_shows():
    red, blue = picture(colour="red"), picture(colour="blue")
    answers = {
        render_image(replace(PLAN, inputs=inputs))
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

    facts = upload_facts(data, filename="lie.bmp", content_type="image/bmp")

    assert (facts.format, facts.width, facts.height) == (format.lower(), 30, 20)
    assert facts.alpha is alpha
    assert (facts.filename, facts.content_type) == ("lie.bmp", "image/bmp")
    assert facts.bytes == len(data)


def test_a_palette_with_a_transparent_colour_has_alpha():
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "PNG", transparency=0)

    assert upload_facts(out.getvalue()).alpha


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_what_is_no_picture_has_no_format(data):
    facts = upload_facts(data)

    assert (facts.format, facts.width, facts.height) == (None, None, None)
    with pytest.raises(BadImage):
        verify(data or b"\0")


@given(
    format=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]),
    at=st.integers(0, 4000),
    value=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 400),
)
@settings(deadline=None, max_examples=examples(150))
def test_a_damaged_picture_is_refused_and_nothing_worse(format, at, value, cut):
    data = bytearray(saved(noise(12, 12), format))
    data[at % len(data) : at % len(data) + len(value)] = value
    damaged = bytes(data[: len(data) - cut % len(data)]) or b"\0"

    assert upload_facts(damaged).bytes == len(damaged)
    with suppress(BadImage):
        verify(damaged)


def test_a_picture_too_large_to_look_at_is_refused_before_it_is_decoded():
    data = bytearray(picture())
    data[16:24] = (20_000).to_bytes(4, "big") * 2  # width and height

    assert upload_facts(bytes(data)).bytes == len(data)
    with pytest.raises(BadImage):
        verify(bytes(data))


def test_a_gallery_is_bounded_by_bytes():
    gallery = RenderCache(max_bytes=20_000)
    for seed in range(40):
        gallery.render(replace(PLAN, seed=seed))

    kept = gallery._files
    assert kept._weight <= 20_000
    assert kept._weight == sum(len(each) for each, _ in kept._values.values())
    assert kept.get((replace(PLAN, seed=39), False)) is not None
    assert kept.get((replace(PLAN, seed=0), False)) is None


def test_a_gallery_counts_the_uploads_that_a_picture_is_made_from():
    gallery = RenderCache(max_bytes=20_000)
    for padding in range(4):
        upload = picture() + bytes(15_000 + padding)
        gallery.render(replace(PLAN, inputs=(upload,)))

    assert len(gallery._files) == 1


def test_a_gallery_counts_a_picture_once_however_many_draw_it():
    gallery, gate = RenderCache(), threading.Barrier(4)

    def draw():
        gate.wait()
        gallery.render(PLAN)

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert gallery._files._weight == len(render_image(PLAN))


def test_a_gallery_gives_a_file_or_its_base64():
    gallery = RenderCache()

    assert base64.b64decode(gallery.render(PLAN, as_text=True)) == gallery.render(PLAN)


scenes = st.builds(
    replace,
    plans,
    width=st.integers(1, 160),
    height=st.integers(1, 160),
    inputs=st.just(()),
    mask=st.none(),
    realistic=st.just(False),
)


def both_ways(plan):
    """A picture drawn whole, and the same from the parts that are kept."""
    yield render_image(plan)
    if quick := RenderCache().get(plan):
        yield quick


@given(scenes)
@settings(deadline=None, max_examples=examples(40))
def test_a_spliced_png_is_the_scene_that_was_drawn_whole(scene_plan):
    plan = replace(scene_plan, format="png", transparent=False)
    whole = encode.draw_levels(plan)

    for data in both_ways(plan):
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == "P"
            assert image.tobytes() == whole.tobytes()
            assert bytes(image.getpalette()) == scene.palette_of(plan)


@given(scenes)
@settings(deadline=None, max_examples=examples(40))
def test_a_spliced_transparent_png_is_the_scene_that_was_drawn_whole(scene_plan):
    plan = replace(scene_plan, format="png", transparent=True)
    whole = scene.apply_palette(encode.draw_levels(plan), plan)

    for data in both_ways(plan):
        image = opened(data)
        assert image.mode == "RGBA"
        assert image.tobytes() == whole.tobytes()


@pytest.mark.parametrize("transparent", [False, True])
def test_the_images_of_a_response_differ_in_what_is_seen(transparent):
    plan = replace(PLAN, width=256, height=256, transparent=transparent)
    plans = [replace(plan, index=index) for index in range(10)]
    images = [opened(render_image(each)).convert("RGBA") for each in plans]
    assert len({each.tobytes() for each in images}) == len(plans)


@given(scenes)
@settings(deadline=None, max_examples=examples(60))
def test_a_spliced_webp_is_the_scene_that_was_drawn_whole(scene_plan):
    plan = replace(scene_plan, format="webp")
    levels = scene.posterize(encode.draw_levels(plan), plan.compression)
    whole = scene.apply_palette(levels, plan)

    for data in both_ways(plan):
        image = opened(data)
        assert image.mode == ("RGBA" if plan.transparent else "RGB")
        assert image.tobytes() == whole.convert(image.mode).tobytes()


@given(scenes)
@settings(deadline=None, max_examples=examples(60))
def test_a_spliced_jpeg_is_as_light_as_the_scene_that_was_drawn_whole(scene_plan):
    """Its luminance is what a JPEG of the levels alone has."""
    plan = replace(scene_plan, format="jpeg", transparent=False)
    quality = max(1, min(95, plan.compression))
    out = io.BytesIO()
    encode.draw_levels(plan).save(out, "JPEG", quality=quality)
    whole = opened(out.getvalue())

    for data in both_ways(plan):
        with Image.open(io.BytesIO(data)) as image:
            image.draft("L", None)
            assert image.mode == "L"
            assert image.tobytes() == whole.tobytes()


def test_a_webp_with_letters_that_are_new_is_not_quick():
    """They are drawn beside the event loop, once for each font size."""
    plan = replace(PLAN, format="webp", compression=97)
    render_image(plan)
    assert plan.render_quickly()
    other = replace(plan, text="A paper XYZ")
    assert other.render_quickly() is None

    file = render_image(other)

    assert other.render_quickly() == file


def test_a_jpeg_has_the_hue_of_its_palette():
    for seed in range(40):
        plan = replace(PLAN, format="jpeg", width=256, height=256, seed=seed)
        image = opened(render_image(plan)).convert("RGB")
        palette = scene.palette_of(plan)
        at = 3 * jpeg.COLOURFUL_LEVEL
        wanted = colorsys.rgb_to_hsv(*(each / 255 for each in palette[at : at + 3]))
        # At the top edge is the sky, which has no other colour.
        red, green, blue = image.resize((1, 1), box=(0, 0, 256, 16)).getpixel((0, 0))
        found = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)

        apart = abs(wanted[0] - found[0])
        assert min(apart, 1 - apart) < 0.04
        assert found[1] > 0.2


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (250, 131), (17, 300), (5, 3)])
@pytest.mark.parametrize("format", FORMATS)
def test_another_decoder_sees_the_same(format, size, transparent, tmp_path):
    """The files are written here: what reads them must not be Pillow alone."""
    plan = replace(PLAN, width=size[0], height=size[1], format=format)
    plan = replace(plan, transparent=transparent and format != "jpeg")
    file = tmp_path / "image"
    file.write_bytes(render_image(plan))
    mode, kind = ("L", "gray") if format == "jpeg" else ("RGBA", "rgba")

    done = run_ffmpeg(
        "ffmpeg", "-i", str(file), "-f", "rawvideo", "-pix_fmt", kind, "-"
    )

    assert (done.returncode, done.stderr) == (0, b"")
    image = Image.frombytes(mode, size, done.stdout)
    expected = opened(file.read_bytes()).convert(mode)
    if mode == "RGBA":
        assert image.tobytes() == expected.tobytes()
    else:  # each rounds when it converts colours to grey
        assert ImageStat.Stat(ImageChops.difference(image, expected)).mean[0] < 2


def test_what_is_encoded_in_strips_is_one_picture(monkeypatch):
    image = noise(200, 150)
    whole = opened(jpeg.encode_in_strips(image, 90, b"note"))
    monkeypatch.setattr(scene, "STRIP_PIXELS", 200 * 40)

    found = opened(jpeg.encode_in_strips(image, 90, b"note"))

    assert found.tobytes() == whole.tobytes()
    assert found.info["comment"] == b"note"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
@pytest.mark.parametrize("levels", [(0, 100), (0, 50), (25, 75), (50, 100)])
@pytest.mark.parametrize("size", [(96, 64), (1024, 1024)])
def test_levels_of_compression_far_apart_give_other_files(size, levels, format):
    plan = replace(PLAN, width=size[0], height=size[1], format=format)
    strong, weak = (len(render_image(replace(plan, compression=n))) for n in levels)

    assert strong < weak


@pytest.mark.parametrize("name", ["zlib", "isal.isal_zlib"])
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_rows_packed_apart_are_one_stream(name, parts):
    library = pytest.importorskip(name)
    *before, end = parts
    packed = [splicing.compress_rows([each], library=library) for each in before]
    packed.append(splicing.compress_rows([end], last=True, library=library))

    stream = splicing.zlib_stream(*packed)

    assert zlib.decompress(stream) == b"".join(parts)  # and its checksum is right


@given(
    st.integers(1, 6), st.booleans(), st.text(max_size=400), st.sampled_from(["P", "N"])
)
@settings(deadline=None, max_examples=examples(15))
def test_the_address_of_any_plan_fits_into_a_request_line(count, masked, text, kind):
    """Even pictures of noise, which nothing makes small, are made small enough."""
    each = saved(noise(300, 200, "RGBA")) if kind == "N" else picture(300, 200)
    plan = replace(
        PLAN, text=text, inputs=(each,) * count, mask=each if masked else None
    )
    signer = Signer(b"secret", lambda: 0.0)

    path = signer.path(Link(plan.with_small_uploads(), "one"), 10)

    assert len(path) < 8000
    name = path.rpartition("/")[2]
    assert signer.link("one", name, {}).output == plan.with_small_uploads()


def test_a_thumbnail_keeps_its_proportions():
    image = opened(thumbnail(picture(400, 100), 80))

    assert image.size == (80, 20)


@pytest.mark.parametrize("size", ["1024x1024", "1024x1536", "1536x1024"])
@pytest.mark.parametrize("format", FORMATS)
def test_an_answer_has_the_size_and_format_asked_for(mock, provider, size, format):
    operation = provider.operations["createImage"]
    name = provider.dialect.wire_names(operation.id, "output_format")[0]
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


def test_a_realistic_server_gives_realistic_pictures(provider):
    settings = mockserver.Settings(realistic=True)
    with mockserver.running(provider, settings=settings) as running:
        answer = ask(url_of(running, provider), body=generation(provider))
        weight = len(delivered(answer.json["data"][0]))

    assert 1_000_000 < weight < 3_000_000


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

        assert red[0] - blue[0] > 60  # each has a palette of its own
        assert blue[2] - red[2] > 100
