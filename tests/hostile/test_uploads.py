"""Invalid and oversized images, and URLs that are never fetched."""

import base64
import io
import json
import re
import socket
import struct
import threading
import zlib
from copy import deepcopy
from functools import partial
from itertools import cycle, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError
from support.http import (
    FORM,
    JSON,
    ask,
    control,
    data_uri,
    edit,
    eventually,
    form,
    generation,
    key_of,
    picture,
    saved,
    url_of,
)
from support.image_files import png_chunk
from support.properties import examples

import specs
from contracts.planning.request_model import RequestModel
from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import BadImage
from mockserver.media.image.uploads import verify
from mockserver.pipeline.endpoints.examples import example_path
from mockserver.pipeline.request.body_parsing import FILE_FIELDS

pytestmark = pytest.mark.slow


def png(width: int, height: int, *more: bytes, rows: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows, 9)
    parts = (
        png_chunk(b"IHDR", head),
        *more,
        png_chunk(b"IDAT", data),
        png_chunk(b"IEND"),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def webp(width: int, height: int) -> bytes:
    """The header of a lossless WebP; its pixels are missing."""
    bits = width - 1 | (height - 1) << 14
    data = b"VP8L" + struct.pack("<IBI", 5, 0x2F, bits) + b"\0"
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


PLAIN = bytes(65) * 64
BOMB = png(20_000, 20_000, rows=bytes(20_001) * 500)
TEXTS = png(
    64,
    64,
    *[png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))] * 80,
    rows=PLAIN,
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NO_PICTURES = [
    pytest.param(SVG, id="svg"),
    pytest.param(b'<?xml version="1.0"?>' + SVG, id="svg-in-xml"),
    pytest.param(b"%PDF-1.7\n" + picture(), id="pdf-with-a-picture-in-it"),
    pytest.param(b"<html>" + picture(), id="page-with-a-picture-in-it"),
    pytest.param(b"PK\3\4" + picture(), id="archive"),
    pytest.param(b"MZ" + b"\0" * 500, id="program"),
    pytest.param(b"BM" + b"\0" * 500, id="bmp"),
    pytest.param(b"II*\0" + b"\0" * 500, id="tiff"),
    pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="eps"),
    pytest.param(b"\x89PNG\r\n\x1a\n", id="nothing-but-its-mark"),
    pytest.param(picture()[:30], id="cut-in-the-header"),
    pytest.param(b"\n" + picture(), id="a-byte-before"),
    pytest.param(b"", id="empty"),
]
TOO_MUCH = [
    pytest.param(BOMB, id="bomb"),
    pytest.param(png(2**31 - 1, 2**31 - 1), id="largest"),
    pytest.param(png(4097, 4097), id="a-pixel-too-many"),
    pytest.param(png(100_000, 100), id="wide"),
    pytest.param(webp(16383, 16383), id="webp-of-268-megapixels"),
    pytest.param(picture()[:-40], id="cut-in-the-middle"),
]


@pytest.fixture
def edits(server):
    return url_of(server, specs.load("openai"), "createImageEdit")


def upload(data, **more):
    return edit(specs.load("openai"), FORM, data, **more)


@pytest.mark.parametrize("data", [*NO_PICTURES, *TOO_MUCH])
def test_what_is_no_picture_or_too_much_of_one_is_refused(edits, data):
    """As a file, as a mask and as a data URI; without decoding the pixels."""
    openai = specs.load("openai")
    uri = {"images": [{"image_url": data_uri(data)}]}

    for asked in (upload(data), {"body": {**generation(openai), **uri}}):
        answer = ask(edits, **asked)

        assert answer.status == 400
        assert len(answer.body) < 2000


@pytest.mark.parametrize("data", NO_PICTURES)
def test_a_mask_that_is_no_picture_is_refused(edits, data):
    sent = form(*generation(specs.load("openai")).items(), ("image", picture()))
    more = form(("mask", data))["body"]

    answer = ask(edits, body=sent["body"].rpartition(b"--a-line")[0] + more,
                 Content_Type=sent["Content_Type"])  # fmt: skip

    assert answer.status == 400


NO_REFERENCES = [
    *("", " ", "data:", "data:,", "data:image/png;base64", "data:image/png;base64,"),
    *("data:text/html,<b>", "data:text/html;base64,PGI+", data_uri(b"no picture")),
    "data:image/png;" + "a=b;" * 131_072 + "base64," + data_uri(picture())[22:],
]


def references(value, path=()):
    """Yield the places of URLs in a request, but those of webhooks."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in items:
            if "webhook" not in str(name) and "callback" not in str(name):
                yield from references(each, (*path, name))
    elif isinstance(value, str) and value.startswith(("https://", "data:image")):
        yield path


def with_value(value, path, new):
    copy = inner = deepcopy(value)
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return copy


@pytest.mark.parametrize("documented", specs.load_all(()), ids=lambda each: each.id)
def test_a_reference_that_can_be_no_image_is_refused(server, documented):
    """In each operation whose document shows a request with an image by its URL."""
    for operation in documented.all_operations.values():
        body = operation.bodies.get(JSON)
        if body is None or operation.path_parameters:
            continue
        url = f"{server.url}/{documented.id}{documented.full_path(operation)}"
        shown = [(e, place) for e in body.examples.values() for place in references(e)]
        for request, place in shown[:1]:
            assert ask(url, body=request).status < 300
            # Null for a field, or for one deep inside others, counts as left out.
            for bad in (*NO_REFERENCES, *[None] * (1 < len(place) < 4)):
                answer = ask(url, body=with_value(request, place, bad))

                assert 400 <= answer.status < 500, (operation.id, place, bad)
                assert len(answer.body) < 2000


def file_fields(body):
    """The fields of a form whose schemas describe files."""
    return [
        name
        for name, schema in body.properties.items()
        if "x-upload" in json.dumps(schema) or '"binary"' in json.dumps(schema)
    ]


FORMS = [
    pytest.param(documented, operation, id=f"{documented.id}-{operation.id}")
    for documented in specs.load_all(())
    for operation in documented.all_operations.values()
    if FORM in operation.bodies
    and file_fields(operation.bodies[FORM])
    and operation.task is None
]


def fields_of(documented, operation, media_type=FORM):
    """The path of an operation on the mock, and the fields of a valid request."""
    path = example_path(documented, operation)
    values = RequestModel(
        documented, operation, operation.bodies[media_type], {}
    ).minimal_request
    return re.sub("{[^}]*}", documented.dialect.model, path), values


@pytest.mark.parametrize(("documented", "operation"), FORMS)
def test_a_file_that_is_no_image_is_refused(server, documented, operation):
    """For each field with a file of each form."""
    path, values = fields_of(documented, operation)
    body = operation.bodies[FORM]
    files = file_fields(body)
    texts = [(name, text) for name, text in values.items() if name not in files]
    required = [each for each in files if each == "image"]
    asked = partial(ask, f"{server.url}{path}", **key_of(operation))
    good_files = [(each, picture()) for each in required]

    assert asked(**form(*texts, *good_files)).status == 200
    for name, bad in product(files, (b"", SVG, b"data:,", picture()[:30])):
        others = [each for each in good_files if each[0] != name]

        answer = asked(**form(*texts, *others, (name, bad)))

        assert 400 <= answer.status < 500, (name, bad)
        assert operation.response_for(answer.status) is not None
        assert len(answer.body) < 2000


EDITS = [
    pytest.param(documented, operation, media_type,
                 id=f"{documented.id}-{media_type.partition('/')[2]}")
    for documented in specs.load_all(())
    for operation in documented.all_operations.values()
    if operation.id == "createImageEdit"
    for media_type in operation.bodies
]  # fmt: skip


@pytest.mark.parametrize(("documented", "operation", "media_type"), EDITS)
def test_an_edit_without_an_image_is_refused(server, documented, operation, media_type):
    """Also where the document does not say that an image is required."""
    path, values = fields_of(documented, operation, media_type)
    canonical = documented.dialect.canonical_name
    texts = {
        name: value
        for name, value in values.items()
        if canonical(operation.id, name) not in FILE_FIELDS
    }
    asked = form(*texts.items()) if media_type == FORM else {"body": texts}

    answer = ask(f"{server.url}{path}", **key_of(operation), **asked)

    assert 400 <= answer.status < 500
    assert b"image" in answer.body
    assert operation.response_for(answer.status) is not None


@pytest.mark.parametrize(("alpha", "status"), [(255, 400), (0, 200)])
def test_a_mask_without_a_transparent_pixel_is_refused_where_one_is_demanded(
    server, alpha, status
):
    provider = specs.load("tikhub")
    mask = picture(mode="RGBA", colour=(1, 2, 3, alpha))
    fields = [*generation(provider).items(), ("image", picture()), ("mask", mask)]

    answer = ask(url_of(server, provider, "createImageEdit"), **form(*fields))

    assert answer.status == status
    assert alpha == 0 or b"needs transparent pixels" in answer.body


def test_of_many_masks_the_first_is_decoded(server):
    """The request is refused in any case, and decoding all would take long."""
    provider = specs.load("tikhub")
    mask = picture(mode="RGBA", colour=(1, 2, 3, 255))
    masks = [("mask", mask + bytes([each])) for each in range(3)]
    fields = [*generation(provider).items(), ("image", picture()), *masks]

    answer = ask(url_of(server, provider, "createImageEdit"), **form(*fields))

    assert answer.status == 400
    facts = server.journal()[-1]["payload"]["mask"]
    # An alpha channel without a transparent pixel counts as none.
    assert [each["alpha"] for each in facts] == [False, True, True]


def test_texts_packed_into_a_picture_are_left_packed(edits):
    """Sixty files with 80 MB of compressed text each."""
    assert read_image_header(TEXTS) is not None
    files = [("image[]", TEXTS + bytes([each])) for each in range(60)]

    answer = ask(edits, **form(*generation(specs.load("openai")).items(), *files))

    assert answer.status == 400


def test_many_large_pictures_are_too_much_together(edits):
    """Each is within the limit, but decoding all would take seconds."""
    openai = specs.load("openai")
    large = png(4096, 4096, rows=bytes(4097) * 4096)
    uris = [{"image_url": data_uri(large + bytes([each]))} for each in range(9)]

    answer = ask(edits, body={**generation(openai), "images": uris})

    assert answer.status == 400
    assert "pixels in total" in answer.json["error"]["message"]


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP"])
def test_of_a_moving_picture_the_first_is_taken(server, edits, format):
    """The other frames are not decoded."""
    frames = [Image.new("RGB", (40, 30), (0, at >> 8, at % 256)) for at in range(2000)]
    out = io.BytesIO()
    frames[0].save(out, format, save_all=True, append_images=frames[1:], loop=0)
    data = out.getvalue()

    answer = ask(edits, **upload(data))

    facts = server.journal()[-1]["payload"]["image"]
    assert (facts["format"], facts["width"], facts["height"]) == (
        format.lower(),
        40,
        30,
    )
    assert answer.status in {200, 400}


def test_a_polyglot_is_what_its_first_bytes_say_and_never_given_back(server, edits):
    """An image with HTML appended; the server returns only a new image."""
    evil = b"<script>alert(1)</script>"
    data = picture() + evil

    answer = ask(edits, **upload(data))

    assert answer.status == 200
    assert evil not in answer.body
    facts = server.journal()[-1]["payload"]["image"]
    shown = control(server, f"/uploads/{facts['sha256']}")
    assert shown.headers["Content-Type"] == "image/webp"
    assert evil not in shown.body
    assert evil not in base64.b64decode(answer.json["data"][0]["b64_json"])


def test_where_a_picture_was_taken_is_not_passed_on(server, edits):
    image = Image.new("RGB", (64, 64))
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)

    answer = ask(edits, **upload(out.getvalue()))

    assert answer.status == 200
    given = base64.b64decode(answer.json["data"][0]["b64_json"])
    assert b"a secret place" not in given
    sha256 = server.journal()[-1]["payload"]["image"]["sha256"]
    assert b"a secret place" not in control(server, f"/uploads/{sha256}").body


MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK")


@given(
    st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]),
    st.sampled_from(MODES),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([{}, {"progressive": True}, {"lossless": True}, {"interlace": 1},
                     {"transparency": 0}, {"comment": b"x" * 3000}, {"exif": b"x"}]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3),
    st.integers(0, 40),
)  # fmt: skip
@settings(deadline=None, max_examples=examples(300))
def test_headers_are_read_as_others_read_them(
    server, format, mode, width, height, options, damage, cut
):
    """For intact and damaged files, if both find an image."""
    image = Image.new(mode, (width, height))
    try:
        data = bytearray(saved_with(image, format, options))
    except (OSError, ValueError, TypeError):  # this format does not do that
        return
    for at, value in damage:
        data[at % len(data)] = value
    data = bytes(data[: len(data) - cut]) if damage else bytes(data)

    found, expected = read_image_header(data), read_by_pillow(data)

    if expected is not None and not damage:
        assert found is not None
    if expected is not None and found is not None:
        shown = (found.format, found.width, found.height, found.alpha)
        assert shown == expected
    try:
        verify(data or b"\0")
    except BadImage:
        assert damage


def saved_with(image, format, options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def read_by_pillow(data):
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "GIF"]) as it:
            alpha = "A" in it.getbands() or "transparency" in it.info
            return it.format.lower(), it.width, it.height, alpha
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning,
            Image.DecompressionBombError):  # fmt: skip
        return None


@pytest.fixture(scope="module")
def bait():
    """A server that counts connections; there must be none."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        ending = threading.Event()

        def listen():
            while not ending.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                came.append(connection.recv(1000))
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield listener.getsockname()[1], came
        socket.create_connection(listener.getsockname()).close()
        eventually(lambda: came)  # it would have seen anybody else as well
        ending.set()
        thread.join()


SCHEMES = ["http://127.0.0.1:{}/a.png", "http://localhost:{}/a.png",
           "https://127.0.0.1:{}/a.png", "http://[::ffff:127.0.0.1]:{}/a.png",
           "http://0x7f000001:{}/", "ftp://127.0.0.1:{}/", "file:///etc/passwd",
           "//127.0.0.1:{}/", "gopher://127.0.0.1:{}/", "data:text/html,<a href=x>",
           "http://169.254.169.254/latest/meta-data/"]  # fmt: skip


MEMBERS = ("image", "images", "mask", "image_url", "url", "prompt", "user")
SHAPES = (
    lambda address: address,
    lambda address: {"image_url": address},
    lambda address: [address],
    lambda address: [{"image_url": address}, {"url": address}],
)


def test_no_address_is_ever_fetched(server, provider, bait):
    """In URL fields, other fields, files and headers."""
    port, came = bait
    operations = cycle(provider.operations)
    shapes = cycle(SHAPES)
    for scheme, member in product(SCHEMES, MEMBERS):
        address = scheme.format(port)
        url = url_of(server, provider, next(operations))
        asked = {**generation(provider), member: next(shapes)(address)}

        answer = ask(url, body=asked, Referer=address, X_Forwarded_Host=address)

        assert b"root:" not in answer.body
        ask(url, **form(*generation(provider).items(), (member, address)))

    assert came == []


def test_a_link_inside_an_upload_is_not_followed(edits, bait):
    port, came = bait
    linked = f'<image href="http://127.0.0.1:{port}/"/>'.encode()
    for data in (SVG.replace(b"<script>", linked), picture() + linked):
        ask(edits, **upload(data))

    assert came == []


def test_there_are_facts_of_pictures_of_each_kind():
    for format in ("PNG", "JPEG", "WEBP", "GIF"):
        found = read_image_header(saved(Image.new("RGB", (30, 20)), format))
        assert (found.format, found.width, found.height) == (format.lower(), 30, 20)
