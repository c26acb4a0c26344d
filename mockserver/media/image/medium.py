"""The image medium: the content of a response with images, and its relay faults."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from mockserver.errors import Rejected
from mockserver.media.base import Asked, MediaEvent, Renderer
from mockserver.media.image import planning
from mockserver.media.image.delivery import DELIVERIES, Delivery
from mockserver.media.image.events import ImageStream
from mockserver.media.image.faults import (
    BAD_BASE64,
    BOTH_DELIVERIES,
    EMPTY_DATA,
    FAILED_IMAGE_FAULT,
    FEWER_IMAGES,
    NO_PARTIALS,
    ONE_IMAGE,
    OTHER_FORMAT,
    RELAY_FAULTS,
    BadBase64Renderer,
    first_image_only,
    with_both_deliveries,
    with_other_format,
)
from mockserver.media.image.filled_response import image_facts, response_facts
from mockserver.media.image.output import ImageOutput
from mockserver.media.image.response import images_response_body
from mockserver.media.templates import fill
from specs import (
    EVENT_STREAM,
    FAILED_IMAGE,
    JSON,
    PARTIAL_IMAGE,
    RESPONSE,
    Cost,
    Operation,
    ResponseLayout,
    cost,
)
from specs.media.image import EDIT

ALL_DELIVERIES = ("b64_json", "url")


@dataclass(frozen=True, slots=True)
class PlannedImages:
    """
    The images of a response.

    * `outputs`: the images that were asked for.
    * `sent`: those that a relay delivers, and `shown` those of a JSON response.
    * `deliveries`: the ways to deliver an image; a faulty relay has two.
    * `preview_count`: number of partial images before each image of a stream.
    * `hash`: the hash of the request.
    * `template`: the example that the JSON response fills in, or None.
    * `has_failed_image`: the last image failed, as the document describes it; it is
      not among those `sent`.
    """

    request: Mapping[str, Any]
    outputs: Sequence[ImageOutput]
    sent: Sequence[ImageOutput]
    shown: Sequence[ImageOutput]
    deliveries: Sequence[Delivery]
    preview_count: int
    usage: Mapping[str, Any]
    cost: Cost
    is_streaming: bool
    layout: ResponseLayout
    hash: str
    template: Any = None
    has_failed_image: bool = False
    has_bad_base64: bool = False

    @property
    def delivered(self) -> int:
        return len(self.shown)

    @property
    def meter(self) -> Mapping[str, int]:
        return {ImageMedium.unit: len(self.outputs)}

    @property
    def is_cacheable(self) -> bool:
        return all(each.is_cacheable for each in self.deliveries)

    async def texts(self, renderer: Renderer) -> list[bytes]:
        renderer = self._renderer(renderer)
        return [
            await delivery.text(output, renderer)
            for output in self.shown
            for delivery in self.deliveries
        ]

    def body(
        self, created: int, project: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        if self.template is not None:
            return project(self._filled_body(created))
        numbers = count()
        images = [
            [delivery.entry(output, next(numbers)) for delivery in self.deliveries]
            for output in self.shown
        ]
        body = images_response_body(
            self.request,
            [entries[0] for entries in images],
            self.sent[0],
            created=created,
            usage=self.usage,
        )
        body = project(body)
        if len(self.deliveries) == 1:
            return body
        return with_both_deliveries(body, [{**a, **b} for a, b in images])

    def _filled_body(self, created: int) -> dict[str, Any]:
        numbers = count()
        entries = [
            {
                delivery.form: delivery.value(output, next(numbers))
                for delivery in self.deliveries
            }
            for output in self.shown
        ]
        body: dict[str, Any] = fill(
            self.template,
            self._facts(created),
            image_facts(self.shown, entries, self.hash),
        )
        return body

    def _facts(self, created: int) -> dict[str, Any]:
        return response_facts(
            self.request,
            hash_=self.hash,
            created=created,
            usage=self.usage,
            count=len(self.shown),
            cost=self.cost.amount,
        )

    def events(
        self,
        examples: Mapping[str, Any],
        renderer: Renderer,
        clock: Callable[[], float],
    ) -> AsyncIterator[MediaEvent]:
        created = int(clock())
        stream = ImageStream(
            examples=examples,
            layout=self.layout,
            request=self.request,
            renderer=self._renderer(renderer),
            delivery=self.deliveries[0],
            facts=self._facts(created),
            usage=self.usage,
            created=created,
            hash=self.hash,
        )
        return stream.events(
            self.sent,
            preview_count=self.preview_count,
            has_failed_image=self.has_failed_image,
        )

    def _renderer(self, renderer: Renderer) -> Renderer:
        return BadBase64Renderer(renderer) if self.has_bad_base64 else renderer


class ImageMedium:
    name = "image"
    unit = "images"
    used_fields = frozenset(
        {"background", "frame_count", "frame_duration_ms", "image", "markup", "mask"}
        | {"model", "n", "output_compression", "output_format", "partial_images"}
        | {"prompt", "quality", "size"}
    )
    file_fields = frozenset({"image", "images", "markup", "mask"})
    relay_faults: Mapping[str, str] = RELAY_FAULTS

    def plan(self, asked: Asked) -> PlannedImages:
        request, dialect, fault = asked.request, asked.dialect, asked.fault
        outputs = planning.plans(
            request,
            asked.files,
            dialect,
            hash_=asked.hash,
            seed=asked.seed,
            realistic=asked.realistic,
        )
        if asked.operation.id == EDIT and not outputs[0].inputs:
            message = "image: an edit needs an image."
            raise Rejected("invalid_request", message, param="image")
        is_streaming = (
            request.get("stream") is True and asked.operation.supports_streaming
        )
        previews = planning.preview_count(request) if is_streaming else 0
        if fault == NO_PARTIALS or not _has_previews(asked.operation):
            previews = 0
        usage = planning.usage(request, outputs, dialect, previews)
        names = (
            ALL_DELIVERIES
            if fault == BOTH_DELIVERIES
            else (dialect.delivery_for(request).give,)
        )
        failed = fault == FAILED_IMAGE_FAULT and _can_fail(asked.operation)
        sent = outputs[:-1] if failed else sent_by_relay(outputs, fault)
        body = asked.operation.success.bodies.get(JSON)
        examples = body.examples if body else {}
        return PlannedImages(
            request=request,
            outputs=outputs,
            sent=sent,
            shown=() if fault == EMPTY_DATA else sent,
            deliveries=[DELIVERIES[each] for each in names],
            preview_count=previews,
            usage=usage,
            cost=cost(
                dialect, asked.operation.id, request, count=len(outputs), usage=usage
            ),
            is_streaming=is_streaming,
            layout=asked.operation.layout,
            hash=asked.hash,
            template=examples.get(FAILED_IMAGE if failed else RESPONSE),
            has_failed_image=failed,
            has_bad_base64=fault == BAD_BASE64,
        )

    def output_from(self, facts: dict[str, Any]) -> ImageOutput:
        return ImageOutput.from_facts(facts)

    def forwarded(self, payload: dict[str, Any], fault: str) -> dict[str, Any]:
        return first_image_only(payload) if fault == ONE_IMAGE else payload


def _has_previews(operation: Operation) -> bool:
    stream = operation.success.bodies.get(EVENT_STREAM)
    return stream is not None and PARTIAL_IMAGE in stream.examples


def _can_fail(operation: Operation) -> bool:
    """True if the document describes a success response with an image that failed."""
    bodies = operation.success.bodies
    return all(FAILED_IMAGE in each.examples for each in bodies.values())


def sent_by_relay(
    outputs: Sequence[ImageOutput], fault: str | None
) -> Sequence[ImageOutput]:
    """The images that a relay with the fault delivers."""
    if fault == FEWER_IMAGES and len(outputs) > 1:
        return outputs[:-1]
    return with_other_format(outputs) if fault == OTHER_FORMAT else outputs
