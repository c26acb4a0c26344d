"""A response with all that the checks of guarantees need."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.media.guarantee import AnswerHistory, request_key
from specs import Dialect, ErrorExample, ResponseLayout


@dataclass(frozen=True)
class Answer:
    """
    A response with all that its checks need.

    `request` has canonical names and documented defaults. `key` is the API key that the
    request was sent with. `now` is when the response came, in seconds since 1970.
    `errors` are the documented errors of the operation by name. `declared` are the
    declarations of the requested model by request field, if a list of models had any.
    """

    interaction: Interaction
    dialect: Dialect
    request: Mapping[str, Any]
    media_type: str
    key: str = ""
    now: float = field(default_factory=time.time)
    history: AnswerHistory = field(default_factory=AnswerHistory)
    errors: Mapping[str, ErrorExample] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """The id of the operation."""
        return self.interaction.case.operation

    @property
    def is_stream(self) -> bool:
        return self.interaction.is_stream

    @property
    def is_refused(self) -> bool:
        """True for a success in which the model refused the request."""
        return self.interaction.is_refused

    @property
    def results(self) -> list[Any]:
        """All outputs in order; None for one that is missing."""
        return self.interaction.outputs

    @property
    def decoded(self) -> list[Any]:
        """The outputs that decode."""
        return [each for each in self.results if each and not each.problem]

    @property
    def object(self) -> Mapping[str, Any] | None:
        """The body if it is a JSON object, else None."""
        return self.interaction.object

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        return self.interaction.items

    @property
    def entries(self) -> Sequence[Any] | None:
        """The array of images of a JSON body; None if it has none."""
        return self.layout.entries(self.object)

    @property
    def layout(self) -> ResponseLayout:
        """The places of images in the responses of the operation."""
        return self.interaction.layout

    @property
    def bodies(self) -> list[Mapping[str, Any]]:
        """The JSON object of the response, or those of its events."""
        if not self.is_stream:
            return [self.interaction.object or {}]
        return [*self.interaction.event_objects]

    def request_key(self, *, without: str) -> str:
        """A hash of the request without one field."""
        return request_key(self.request, self.media_type, without=without)
