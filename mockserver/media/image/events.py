"""The events of a stream of images, in the form of the examples of a document."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from mockserver.json_text import fill_placeholders
from mockserver.media.base import MediaEvent, Renderer
from mockserver.media.image.delivery import Delivery
from mockserver.media.image.filled_response import image_facts
from mockserver.media.image.output import ImageOutput
from mockserver.media.image.response import echo_fields, safety_identifier
from mockserver.media.payloads import JsonTemplate, placeholder
from mockserver.media.templates import OUTPUT, fill, placeholders
from specs import (
    COMPLETED,
    DONE,
    END,
    END_EXAMPLES,
    FAILED_IMAGE,
    IMAGE_EXAMPLES,
    PARTIAL_IMAGE,
    START_EXAMPLES,
    ResponseLayout,
)

SAFETY_IDENTIFIER = "{safety_identifier}"  # in the example of an event


@dataclass(frozen=True, slots=True)
class ImageStream:
    """
    The events of a response, made from the `examples` of the document.

    First the examples whose names begin with `start_`. For each image its previews,
    from coarse to fine, the examples `with_image_…`, and the finished image. Then the
    event of an image that failed, if one did, the examples `end_…`, and the end that
    the document describes.

    An example with placeholders of an output is filled with `facts`, and another one of
    an image with the fields that usual events have. `created` is in seconds since 1970.
    """

    examples: Mapping[str, Any]
    layout: ResponseLayout
    request: Mapping[str, Any]
    renderer: Renderer
    delivery: Delivery
    facts: Mapping[str, Any]
    usage: Mapping[str, Any]
    created: int
    hash: str

    async def events(
        self,
        plans: Sequence[ImageOutput],
        *,
        preview_count: int,
        has_failed_image: bool,
    ) -> AsyncIterator[MediaEvent]:
        """Yield the events of all images, each with `preview_count` previews."""
        numbers = count()
        for name in self._named(START_EXAMPLES):
            yield await self._event(name, next(numbers), plans[:1])
        for plan in plans:
            for at in range(preview_count):
                preview = plan.preview(preview_count - at)
                yield await self._event(PARTIAL_IMAGE, next(numbers), [preview], at)
            for name in (*self._named(IMAGE_EXAMPLES), COMPLETED):
                yield await self._event(name, next(numbers), [plan])
        last = plans[-1:]
        if has_failed_image:
            yield self._plain_event(FAILED_IMAGE, next(numbers), len(plans))
        for name in self._named(END_EXAMPLES, END):
            yield await self._event(name, next(numbers), last)
        if self.layout.ends_with_done:
            yield MediaEvent("", [DONE.encode()], False)

    def _named(self, prefix: str, *others: str) -> Iterator[str]:
        """The examples whose names begin so, in document order, and others it has."""
        yield from (name for name in self.examples if name.startswith(prefix))
        yield from (name for name in others if name in self.examples)

    async def _event(
        self,
        name: str,
        number: int,
        plans: Sequence[ImageOutput],
        preview: int | None = None,
    ) -> MediaEvent:
        """One event: `number` in the stream, about an image or one of its previews."""
        example, is_final = self.examples[name], name == COMPLETED
        if plans and any(each.startswith(OUTPUT) for each in placeholders(example)):
            entries = [{self.delivery.form: self.delivery.value(plans[0], 0)}]
            outputs = image_facts(plans, entries, self.hash)
            facts = {**self.facts, "event.index": number, "preview.index": preview}
            text = await self.delivery.text(plans[0], self.renderer)
            return self._filled_event(fill(example, facts, outputs), [text], is_final)
        if name not in (PARTIAL_IMAGE, COMPLETED):
            return self._plain_event(name, number, None)
        image = await self.renderer.base64_of(plans[0])
        event = self._usual_event(example, plans[0], preview)
        return self._filled_event(event, [image], is_final)

    def _plain_event(self, name: str, number: int, index: int | None) -> MediaEvent:
        """An event without an image; `index` is that of one that failed."""
        facts = {**self.facts, "event.index": number, "index": index}
        return self._filled_event(fill(self.examples[name], facts, []), [], False)

    def _usual_event(self, example: Any, plan: ImageOutput, preview: int | None) -> Any:
        """An event with the fields that usual events have."""
        identifier = safety_identifier(self.request)
        details = {
            **echo_fields(self.request, plan),
            "created_at": self.created,
            "safety_identifier": identifier,
            "usage": self.usage,
            "b64_json": placeholder(0),
        }
        if preview is not None:
            details["partial_image_index"] = preview
        # An identifier that the request does not have is no part of the event.
        kept = {
            name: value
            for name, value in example.items()
            if value != SAFETY_IDENTIFIER or identifier
        }
        return fill_placeholders(kept, details)

    def _filled_event(
        self, event: Any, texts: Sequence[bytes], is_final: bool
    ) -> MediaEvent:
        name = self.layout.grammar.name_of(event) or ""
        return MediaEvent(name, JsonTemplate(event).fill(texts), is_final)
