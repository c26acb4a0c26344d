"""
What an answer keeps beyond its schema.

One function a guarantee, yielding what is wrong.

Names are those of `specs.GUARANTEES`. A function sees one answer and, for what only a
comparison shows, the answers before it.
"""

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.judging.interaction import Interaction, ServerSentEvent
from contracts.media.image.observation import DecodedImage
from contracts.media.image.samples import Sample, with_file_facts
from specs import Dialect, size_of

CLOCK_TOLERANCE = 600.0
SIZE_TOLERANCE = 1.05
CHANGE_THRESHOLD = 24.0  # of 255, on average
MIN_COMPRESSION_GAP = 50  # levels of compression that must show


@dataclass(slots=True)
class AnswerHistory:
    """The answers so far, as far as a later one is compared with them."""

    by_request_key: dict[str, tuple[str, int]] = field(default_factory=dict)
    by_prompt: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def first_variant(self, key: str, variant: str, data: bytes) -> str:
        """In which variant of a question this very file was seen first."""
        digest = hashlib.sha256(data).hexdigest()
        return self.by_request_key.setdefault(f"{key} {digest}", (variant, 0))[0]


@dataclass(frozen=True)
class Answer:
    """
    An answer with all that is needed to judge it.

    `asked` is the request in canonical names with documented defaults; `key` is the
    key it was sent with; `now` is when it came, in seconds since 1970.
    """

    interaction: Interaction
    dialect: Dialect
    request: Mapping[str, Any]
    media_type: str
    key: str = ""
    now: float = field(default_factory=time.time)
    history: AnswerHistory = field(default_factory=AnswerHistory)

    @property
    def is_stream(self) -> bool:
        return self.interaction.is_stream

    @property
    def pictures(self) -> list[DecodedImage]:
        """The pictures that could be decoded."""
        found = self.interaction.pictures
        return [each for each in found if each is not None and not each.problem]

    def request_key(self, *, without: str) -> str:
        """A name for what was asked, one member left out."""
        return request_key(self.request, self.media_type, without=without)


COMPARED_FIELD_NAMES = {
    "compression-as-asked": "output_compression",
    "mask-matters": "mask",
    "every-image-matters": "image",
    "pictures-differ": "prompt",
}
"""Guarantees that compare answers, and the member in which their requests differ."""


def request_key(request: Mapping[str, Any], media_type: str, *, without: str) -> str:
    """A name for a request in canonical names, one member left out."""
    rest = {key: value for key, value in request.items() if key != without}
    text = json.dumps([media_type, with_file_facts(rest)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


Problems = Iterator[str]
Check = Callable[[Answer], Problems]


def is_json(answer: Answer) -> Problems:
    if answer.is_stream:
        return
    found = answer.interaction.content_type
    if found != "application/json":
        yield f"the content type is '{found}', not application/json"
    try:
        _ = answer.interaction.json
    except (ValueError, RecursionError) as error:
        yield f"the body is not strict JSON: {error}"


def count_equals_n(answer: Answer) -> Problems:
    wanted = answer.request.get("n", 1)
    if answer.is_stream:
        return  # one-completed-event counts those
    data = (answer.interaction.object or {}).get("data")
    if isinstance(data, list) and len(data) != wanted:
        yield f"{wanted} asked, {len(data)} came"


def decodes(answer: Answer) -> Problems:
    for at, picture in enumerate(answer.interaction.pictures):
        if picture is not None and picture.problem:
            yield f"picture {at} {picture.problem}"


def size_as_asked(answer: Answer) -> Problems:
    wanted = answer.request.get("size")
    if size_of(wanted) is None:
        return
    for at, picture in enumerate(answer.pictures):
        if picture.size != wanted:
            yield f"picture {at} is {picture.size}, asked was {wanted}"


def format_as_asked(answer: Answer) -> Problems:
    wanted = answer.request.get("output_format")
    if wanted is None:
        return
    for at, picture in enumerate(answer.pictures):
        if picture.format != wanted:
            yield f"picture {at} is {picture.format}, asked was {wanted}"
    for at, item in enumerate(answer.interaction.items):
        url = item.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            label = url[5 : url.find(";")]
            if label != f"image/{wanted}":
                yield f"data URI {at} is labelled {label[:40]}, asked was {wanted}"


def alpha_as_asked(answer: Answer) -> Problems:
    if answer.request.get("background") != "transparent":
        return
    for at, picture in enumerate(answer.pictures):
        if picture.opaque:
            yield f"picture {at} has nothing transparent in it"


def opaque_as_asked(answer: Answer) -> Problems:
    if answer.request.get("background") != "opaque":
        return
    for at, picture in enumerate(answer.pictures):
        if not picture.opaque:
            yield f"picture {at} is transparent in places"


def compression_as_asked(answer: Answer) -> Problems:
    """The same question at two levels: not the same file, nor a larger one."""
    level = answer.request.get("output_compression")
    if not isinstance(level, int) or not answer.pictures or answer.is_stream:
        return
    question = "compression " + answer.request_key(without="output_compression")
    data = answer.pictures[0].data
    same = int(answer.history.first_variant(question, str(level), data))
    if abs(same - level) >= MIN_COMPRESSION_GAP:
        yield f"output_compression {level} and {same} give the very same file"
    size = len(data)
    first, before = answer.history.by_request_key.setdefault(
        question, (str(level), size)
    )
    other = int(first)
    if abs(other - level) < MIN_COMPRESSION_GAP:
        return
    strong, weak = (size, before) if level < other else (before, size)
    if strong > weak * SIZE_TOLERANCE:
        yield f"the stronger gives {strong} bytes, the weaker {weak}"


def delivery_as_documented(answer: Answer) -> Problems:
    entry = answer.dialect.delivery_for(answer.request)
    if answer.is_stream or entry.get("basis") == "assumed":
        return  # of such requests no page says how their pictures come
    wanted = entry["give"]
    for at, item in enumerate(answer.interaction.items):
        url, text = item.get("url"), item.get("b64_json")
        is_data = isinstance(url, str) and url.startswith("data:")
        forms = {
            "b64_json": bool(text),
            "data_uri": is_data,
            "url": bool(url) and not is_data,
        }
        came = [name for name, is_there in forms.items() if is_there]
        if came != [wanted]:
            how = " and ".join(came) or "nothing"
            yield f"picture {at} comes as {how}, not as {wanted}"


def usage_adds_up(answer: Answer) -> Problems:
    for where, usage in _usages(answer):
        yield from (f"{where}: {wrong}" for wrong in _check_usage_sums(usage))


def _usages(answer: Answer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    bodies = [("usage", answer.interaction.object or {})]
    if answer.is_stream:
        bodies = [
            (f"usage of event {at}", each.data)
            for at, each in enumerate(answer.interaction.events)
            if isinstance(each.data, dict)
        ]
    for where, body in bodies:
        usage = body.get("usage")
        if isinstance(usage, dict):
            yield where, usage


def _check_usage_sums(usage: Mapping[str, Any]) -> Problems:
    counts = ("input_tokens", "output_tokens", "total_tokens")
    for name in counts:
        value = usage.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield f"{name} is {value!r}, not a count"
            return
    came, went, total = (usage.get(name) for name in counts)
    if None not in (came, went, total) and int(came or 0) + int(went or 0) != total:
        yield f"{came} in and {went} out make {total} in total"
    for side in ("input", "output"):
        details = usage.get(f"{side}_tokens_details")
        whole = usage.get(f"{side}_tokens")
        if not isinstance(details, dict) or not isinstance(whole, int):
            continue
        text, image = details.get("text_tokens"), details.get("image_tokens")
        if not isinstance(text, int) or not isinstance(image, int):
            yield f"{side}_tokens_details holds {text!r} and {image!r}, not counts"
        elif min(text, image) < 0 or text + image != whole:
            yield f"{side}: {text} text and {image} image tokens make {whole}"


def created_is_now(answer: Answer) -> Problems:
    if answer.is_stream:
        stamps = [
            each.data.get("created_at")
            for each in answer.interaction.events
            if isinstance(each.data, dict) and "created_at" in each.data
        ]
    else:
        stamps = [(answer.interaction.object or {}).get("created")]
    for stamp in stamps:
        if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
            off = stamp - answer.now
            if abs(off) > CLOCK_TOLERANCE:
                yield f"{stamp} is {abs(off):.0f} s away from now ({answer.now:.0f})"
                return


def echoes_agree(answer: Answer) -> Problems:
    bodies: list[Mapping[str, Any]] = [answer.interaction.object or {}]
    if answer.is_stream:
        bodies = [
            each.data
            for each in answer.interaction.events
            if isinstance(each.data, dict)
        ]
    for body in bodies:
        yield from _check_echoes(body, answer)


def _check_echoes(body: Mapping[str, Any], answer: Answer) -> Problems:
    for name in ("quality", "background"):
        asked, said = answer.request.get(name), body.get(name)
        if said is not None and asked not in (None, "auto", said):
            yield f"{name} is said to be {said!r}, asked was {asked!r}"
    picture = next(iter(answer.pictures), None)
    if picture is None:
        return
    said = body.get("output_format")
    if said is not None and said != picture.format:
        yield f"output_format is said to be {said!r}, the picture is {picture.format}"
    said = body.get("size")
    if size_of(said) is not None and said != picture.size:
        yield f"size is said to be {said!r}, the picture is {picture.size}"


def mask_matters(answer: Answer) -> Problems:
    """With a mask and without: not the same; and what it keeps is what changes less."""
    image, mask = answer.request.get("image"), answer.request.get("mask")
    if isinstance(mask, Mapping) and not _is_inline(mask):
        return  # a file that nobody sent, at an address or under an id
    yield from _check_presence_matters(answer, "mask")
    if not isinstance(image, Sample) or not isinstance(mask, Sample):
        return
    for at, picture in enumerate(answer.pictures):
        kept, redrawn = _mean_changes(picture.data, image.data, mask.data)
        if kept > CHANGE_THRESHOLD and kept > 2 * redrawn:
            yield f"picture {at} changes what the mask keeps, and keeps the rest"


def _is_inline(reference: Mapping[str, Any]) -> bool:
    return str(reference.get("image_url", "")).startswith("data:")


def _mean_changes(after: bytes, before: bytes, mask: bytes) -> tuple[float, float]:
    """How much a picture changed, 0 to 255, where a mask is opaque and where not."""
    from PIL import Image, ImageChops, ImageStat

    size = (64, 64)
    with Image.open(io.BytesIO(mask)) as opened:
        opaque = opened.convert("RGBA").getchannel("A").resize(size)
    opaque = opaque.point(lambda alpha: 255 if alpha > 127 else 0)
    pair = []
    for data in (after, before):
        with Image.open(io.BytesIO(data)) as opened:
            pair.append(opened.convert("RGB").resize(size).convert("L"))
    difference = ImageChops.difference(*pair)
    regions = (opaque, ImageChops.invert(opaque))
    means = [
        ImageStat.Stat(difference, each).mean[0] if each.getbbox() else 0.0
        for each in regions
    ]
    return means[0], means[1]


def every_image_matters(answer: Answer) -> Problems:
    """One picture and several, everything else the same: not the same result."""
    image = answer.request.get("image")
    count = len(image) if isinstance(image, list) else 1
    yield from _check_variants_differ(answer, "image", str(count))


def _check_presence_matters(answer: Answer, field_name: str) -> Problems:
    given = "with" if answer.request.get(field_name) is not None else "without"
    yield from _check_variants_differ(answer, field_name, given)


def _check_variants_differ(answer: Answer, field_name: str, variant: str) -> Problems:
    if answer.is_stream or not answer.pictures:
        return
    question = f"{field_name} {answer.request_key(without=field_name)}"
    before = answer.history.first_variant(question, variant, answer.pictures[0].data)
    if before != variant:
        yield f"{field_name}: {before} and {variant} give the very same picture"


def pictures_differ(answer: Answer) -> Problems:
    if answer.is_stream or not answer.pictures:
        return
    question = answer.request_key(without="prompt")
    digest = hashlib.sha256(answer.pictures[0].data).hexdigest()
    prompt = answer.request.get("prompt")
    before = answer.history.by_prompt.setdefault(question, (prompt, digest))
    if before[0] != prompt and before[1] == digest:
        one, two = str(before[0])[:60], str(prompt)[:60]
        yield f"{one!r} and {two!r} give the very same picture"


def streams_when_asked(answer: Answer) -> Problems:
    wanted = answer.request.get("stream") is True
    if wanted and not answer.is_stream:
        yield f"a stream was asked for, {answer.interaction.content_type} came"
    if answer.is_stream and not wanted:
        yield "no stream was asked for, one came"


def _events_of_type(answer: Answer, suffix: str) -> list[tuple[int, ServerSentEvent]]:
    return [
        (at, each)
        for at, each in enumerate(answer.interaction.events)
        if isinstance(each.data, dict)
        and str(each.data.get("type", "")).endswith(suffix)
    ]


def partials_at_most_asked(answer: Answer) -> Problems:
    if not answer.is_stream:
        return
    most = answer.request.get("partial_images", 0) * answer.request.get("n", 1)
    partials = _events_of_type(answer, ".partial_image")
    if len(partials) > most:
        yield f"{len(partials)} partial pictures came, {most} were asked for"
    indexes = [each.data.get("partial_image_index") for _, each in partials]
    if answer.request.get("n", 1) == 1 and indexes != list(range(len(indexes))):
        yield f"partial pictures are numbered {indexes}, not from 0 upwards"
    finished = _events_of_type(answer, ".completed")
    if partials and finished and partials[-1][0] > finished[-1][0]:
        yield "a partial picture comes after the last finished one"


def one_completed_event(answer: Answer) -> Problems:
    if not answer.is_stream:
        return
    wanted = answer.request.get("n", 1)
    finished = _events_of_type(answer, ".completed")
    if len(finished) != wanted:
        yield f"{len(finished)} completed events came, not {wanted}"
    after = len(answer.interaction.events) - 1
    if finished and finished[-1][0] != after and not _ends_with_done(answer):
        yield "there are events after the last completed one"


def _ends_with_done(answer: Answer) -> bool:
    """A closing `[DONE]`, as relays add it: harmless, and noted elsewhere."""
    return bool(answer.interaction.events[-1].data == "[DONE]")


def event_name_is_type(answer: Answer) -> Problems:
    if not answer.is_stream:
        return
    for at, each in enumerate(answer.interaction.events):
        type_ = each.data.get("type") if isinstance(each.data, dict) else None
        if each.name is not None and type_ is not None and each.name != type_:
            yield f"event {at} is named {each.name!r}, its type is {type_!r}"


def retry_after_on_429(answer: Answer) -> Problems:
    if answer.interaction.status != 429:
        return
    value = answer.interaction.headers.get("retry-after", "")
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) < 1:
        yield f"Retry-After is {value!r}, not a number of seconds"


_STACK_TRACES = (b"Traceback (most recent call last)", b'File "/', b"\n    at ")


def keeps_secrets(answer: Answer) -> Problems:
    body = answer.interaction.body
    if len(answer.key) >= 6 and answer.key.encode() in body:
        yield "the answer repeats the key"
    if any(
        each in body or each.replace(b"\n", b"\\n") in body for each in _STACK_TRACES
    ):
        yield "the answer shows a stack trace"


def request_id(answer: Answer) -> Problems:
    if not answer.interaction.headers.get("x-request-id"):
        yield "there is no x-request-id"


CHECKS: dict[str, Check] = {
    "is-json": is_json,
    "count-equals-n": count_equals_n,
    "decodes": decodes,
    "size-as-asked": size_as_asked,
    "format-as-asked": format_as_asked,
    "alpha-as-asked": alpha_as_asked,
    "opaque-as-asked": opaque_as_asked,
    "compression-as-asked": compression_as_asked,
    "delivery-as-documented": delivery_as_documented,
    "usage-adds-up": usage_adds_up,
    "created-is-now-in-seconds": created_is_now,
    "echoes-agree": echoes_agree,
    "mask-matters": mask_matters,
    "every-image-matters": every_image_matters,
    "pictures-differ": pictures_differ,
    "streams-when-asked": streams_when_asked,
    "partials-at-most-asked": partials_at_most_asked,
    "one-completed-event": one_completed_event,
    "event-name-is-type": event_name_is_type,
    "retry-after-on-429": retry_after_on_429,
    "keeps-secrets": keeps_secrets,
    "request-id": request_id,
}
