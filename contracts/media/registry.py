"""The table of media, and the medium of an operation."""

from collections import Counter
from collections.abc import Mapping, Sequence

from contracts.media.base import Medium
from contracts.media.image.medium import IMAGE
from contracts.media.video.medium import VIDEO
from specs import Operation, Provider, Role
from specs.media.image import OPERATIONS

MEDIA: Mapping[str, Medium] = {each.name: each for each in (IMAGE, VIDEO)}
"""All media by name."""

DEFAULT_MEDIUM = IMAGE.name


def medium_of(operation: Operation) -> Medium:
    """The medium of the result of an operation."""
    return MEDIA[operation.medium]


def image_operations(provider: Provider) -> Mapping[str, Operation]:
    """
    The operations of a provider whose response holds images, by id.

    Those that create a task are left out: their response holds no image.
    """
    return {
        id_: each
        for id_, each in provider.operations.items()
        if medium_of(each) is IMAGE and each.task is None
    }


def usual_image_operations(provider: Provider) -> Mapping[str, Operation]:
    """
    The operations of the images API, by id; all image operations if it has none.

    Other operations, such as a chat completion, are for other code.
    """
    images = image_operations(provider)
    usual = {id_: each for id_, each in images.items() if id_ in OPERATIONS}
    return usual or images


def compared_image_operations(providers: Sequence[Provider]) -> list[str]:
    """The ids of image operations that are usual, or that all these providers have."""
    known = [operations for each in providers if (operations := image_operations(each))]
    counts = Counter(id_ for operations in known for id_ in operations)
    shared = [i for i, n in counts.items() if n == len(known) or i in OPERATIONS]
    return shared or list(counts)


def task_creations(provider: Provider, medium: Medium) -> list[Operation]:
    """The operations that create a task of a medium from nothing but a request."""
    return [
        each
        for each in provider.operations.values()
        if medium_of(each) is medium
        and each.task is not None
        and each.task.role is Role.CREATE
        and each.task.source is None
    ]
