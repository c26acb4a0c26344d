"""Samples say of themselves what the judge would see of their bytes."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from support.properties import examples

from contracts.media.files import CHUNK_SIZE, Sample
from contracts.planning.case import Case, body_chunks, body_of
from mockserver.media.image.uploads import upload_facts
from specs import FORM, State

samples = st.builds(
    Sample,
    width=st.integers(1, 80),
    height=st.integers(1, 80),
    format=st.sampled_from(["png", "jpeg", "webp", "gif", None]),
    alpha=st.booleans(),
    weight=st.one_of(
        st.integers(0, 3 * CHUNK_SIZE), st.integers(CHUNK_SIZE - 200, CHUNK_SIZE + 2000)
    ),
    variant=st.integers(0, 3),
).filter(lambda each: not (each.alpha and each.format == "jpeg"))


@given(samples)
@settings(deadline=None, max_examples=examples(60))
def test_the_facts_of_a_sample_are_those_of_its_bytes(sample):
    labels = {"filename": sample.filename, "content_type": sample.content_type}

    padding = b"\0" if sample.format else b" "
    assert sample.data == replace(sample, weight=0).data.ljust(sample.weight, padding)
    assert sample.facts == upload_facts(sample.data, **labels).facts()


@given(st.lists(samples, min_size=1, max_size=3), st.text(max_size=20))
@settings(deadline=None, max_examples=examples(30))
def test_a_form_holds_its_files_whole_and_in_order(files, prompt):
    payload = {"prompt": prompt, "image": files}
    case = Case("x", "edit", "probe", State.VALID, media_type=FORM, payload=payload)

    body, content_type = body_of(case)
    boundary = content_type.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary)

    assert b"".join(body_chunks(case)[0]) == body
    assert parts[-1] == b"--\r\n"
    contents = [each.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for each in parts]
    assert contents[1:-1] == [prompt.encode(), *(each.data for each in files)]
