"""The facts of an image that a request asks for, by the rules of a dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.documents.condition import ALWAYS, Condition
from specs.documents.video import SizeTable
from specs.media.image import requested_size, size_of
from specs.validation.evidence import Basis


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """The output tokens of each image of the requests that meet `when`."""

    count: int
    source: str
    when: Condition = ALWAYS
    basis: Basis = Basis.DOCUMENTED


@dataclass(frozen=True, slots=True)
class ImageRules:
    """
    The rules by which the requests of a provider describe an image.

    * `defaults`: `aspect_ratio` and `resolution` of requests without them.
    * `sizes`, `token_counts`: of each the first entry that applies counts.
    """

    defaults: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[SizeTable, ...] = ()
    token_counts: tuple[ImageTokens, ...] = ()

    def listed_size(self, request: Mapping[str, Any]) -> tuple[int, int] | None:
        """
        The width and height that a table has for a request in canonical names.

        None for a request with a size in pixels, one that the tables do not have, and
        one with an image that may decide the aspect ratio.
        """
        has_image = bool(request.get("image")) and "aspect_ratio" not in request
        if has_image or requested_size(request) is not None:
            return None
        values = {**self.defaults, **request}
        resolution, ratio = values.get("resolution"), values.get("aspect_ratio")
        tables = (e.table for e in self.sizes if e.when.applies_to(values))
        return size_of(next(tables, {}).get(str(resolution), {}).get(str(ratio)))

    def tokens_of(self, request: Mapping[str, Any]) -> int | None:
        """The output tokens of one image of a request in canonical names, or None."""
        values = {**self.defaults, **request}
        applicable = (e for e in self.token_counts if e.when.applies_to(values))
        return next((each.count for each in applicable), None)
