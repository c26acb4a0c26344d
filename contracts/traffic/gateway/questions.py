"""One question for each feature that a gateway could lose on the way."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contracts.planning.case import FORM, JSON, Case
from contracts.planning.request_model import Desk, desks_of
from contracts.planning.values import flat, prompt_of, types_of
from mockserver.simulation.faults import FAULTS
from specs import Operation, Provider, State

# Told apart from every default, and from each other.
SIZES = ("1536x1024", "1280x768")
UNICODE = "一只猫 🐈 ñandú\nin two lines"
LONG = 4000
UNLISTED = {"imageparity_unlisted": "kept"}
UNLISTED_FEATURE = "an unlisted member"
EVENTS = ("events", "pictures of events", "events as they come")
CUT_STREAM = "cut-stream"
FAULT_SECONDS = 2  # of a fault that takes time: shorter than any gateway's patience
APART = ("model", "prompt", "image", "mask", "stream", "partial_images")


class Kind(StrEnum):
    """What is looked at once a question has been asked."""

    ANSWER = "answer"
    UNLISTED_ANSWER = "unlisted answer"
    MEMBER = "member"
    SEVERAL = "several"
    STREAM = "stream"
    ERROR = "error"
    FAULT = "fault"
    CUT_STREAM = "cut stream"


# A gateway may take an upstream that failed out of service, so that comes last.
HARMFUL = {Kind.ERROR: 1, Kind.FAULT: 2, Kind.CUT_STREAM: 2}


@dataclass(frozen=True)
class Question:
    """
    A request through the gateway, and the feature that it is about.

    `member` is what is looked for, by its name in the caller's dialect; `more` are
    further features that the answer tells of. `marker` is a part of the prompt that no
    other question has. `promised` is whether the caller's
    dialect documents the request. With `untested`, why it cannot be asked, nothing
    is sent.
    """

    kind: Kind
    group: str
    feature: str
    case: Case
    operation: Operation
    marker: str = ""
    member: str = ""
    name: str = ""
    more: tuple[str, ...] = ()
    promised: bool = True
    untested: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        return (self.feature, *self.more)


@dataclass(frozen=True)
class Planner:
    """
    Plans what is asked in the dialect of `provider` about a gateway to `upstream`.

    `model` is the gateway's own name for the model, if it has one; `run` tells the
    prompts of this run from all others, so that no cache answers them.
    """

    provider: Provider
    upstream: Provider
    model: str | None
    run: str
    _number: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def questions(self) -> list[Question]:
        """What to ask, in order: the plainest first, what does harm last."""
        found = [
            question
            for operation in self.provider.operations.values()
            if operation.id in self.upstream.operations
            for question in self._about(operation)
        ]
        return sorted(found, key=lambda each: HARMFUL.get(each.kind, 0))

    def _about(self, operation: Operation) -> Iterator[Question]:
        known = desks_of(self.provider)
        bodies = [known[operation.id, each.media_type] for each in _bodies(operation)]
        desk = bodies[0]
        if desk.named("image"):
            yield from self._edits(desk)
            for other in bodies[1:]:
                yield from self._pictures(other, f" ({_kind_of_body(other)})")
            return
        yield self._question(Kind.ANSWER, desk, "request", "model", {})
        yield from self._prompts(desk)
        yield from self._members(desk, "request")
        yield self._question(
            Kind.MEMBER,
            desk,
            "request",
            UNLISTED_FEATURE,
            UNLISTED,
            member=next(iter(UNLISTED)),
        )
        yield self._question(Kind.UNLISTED_ANSWER, desk, "answer", UNLISTED_FEATURE, {})
        yield from self._stream(desk)
        yield from self._errors(desk)

    def _prompts(self, desk: Desk) -> Iterator[Question]:
        member = desk.named("prompt") or "prompt"
        long = prompt_of(LONG)
        for feature, text in (("prompt", UNICODE), ("prompt, long", long)):
            yield self._question(
                Kind.MEMBER, desk, "request", feature, {member: text}, member=member
            )

    def _edits(self, desk: Desk) -> Iterator[Question]:
        yield from self._pictures(desk)
        yield from self._members(desk, "edits")

    def _pictures(self, desk: Desk, label: str = "") -> Iterator[Question]:
        """One picture, several, and a mask."""
        image = desk.named("image") or "image"
        yield self._question(
            Kind.MEMBER, desk, "edits", f"{image}{label}", {}, member=image
        )
        several = [
            each.value for each in desk.values(image) if each.label == "two-entries"
        ]
        for value in several[:1]:
            feature = f"{image}, several{label}"
            yield self._question(
                Kind.MEMBER, desk, "edits", feature, {image: value}, member=image
            )
        mask = desk.named("mask")
        if mask:
            value = desk.good(mask)[0]
            yield self._question(
                Kind.MEMBER, desk, "edits", f"{mask}{label}", {mask: value}, member=mask
            )

    def _members(self, desk: Desk, group: str) -> Iterator[Question]:
        for member in desk.body.properties:
            if desk.role(member) in APART:
                continue
            for value in _telling(desk, member):
                yield self._about_member(
                    desk, group, member, _where_valid(desk, member, value)
                )

    def _about_member(
        self, desk: Desk, group: str, member: str, asked: Mapping[str, Any]
    ) -> Question:
        if desk.role(member) != "n":
            return self._question(
                Kind.MEMBER, desk, group, member, asked, member=member
            )
        label = ", edits" if group == "edits" else ""
        more = (f"pictures, {member}={asked[member]}{label}",)
        return self._question(
            Kind.SEVERAL, desk, group, member, asked, member=member, more=more
        )

    def _stream(self, desk: Desk) -> Iterator[Question]:
        stream, partials = desk.named("stream"), desk.named("partial_images")
        if not stream or not desk.operation.streams:
            return
        asked: dict[str, Any] = {stream: True}
        if partials:
            asked[partials] = 2
        yield self._question(
            Kind.STREAM,
            desk,
            "stream",
            stream,
            asked,
            member=stream,
            name=partials or "",
            more=(*filter(None, [partials]), *EVENTS),
        )

    def _errors(self, desk: Desk) -> Iterator[Question]:
        named = self.upstream.operations[desk.operation.id].errors
        for name in named:
            yield self._provoking(Kind.ERROR, desk, "errors", name, {})
        stream = desk.named("stream") if desk.operation.streams else None
        for name, fault in FAULTS.items():
            if fault.kind != "wire":
                continue
            if name != CUT_STREAM:
                yield self._provoking(Kind.FAULT, desk, "faults", name, {})
            elif stream:
                more = {stream: True}
                yield self._provoking(Kind.CUT_STREAM, desk, "faults", name, more)

    def _provoking(
        self, kind: Kind, desk: Desk, group: str, name: str, more: Mapping[str, Any]
    ) -> Question:
        prompt = desk.named("prompt") or "prompt"
        soon = "" if kind is Kind.ERROR else f";seconds={FAULT_SECONDS}"
        text = f"{desk.base[prompt]} [[mock:{name}{soon}]]"
        asked = {**more, prompt: text}
        return self._question(kind, desk, group, name, asked, name=name)

    def _question(
        self,
        kind: Kind,
        desk: Desk,
        group: str,
        feature: str,
        asked: Mapping[str, Any],
        *,
        member: str = "",
        name: str = "",
        more: tuple[str, ...] = (),
    ) -> Question:
        marker = f"{self.run}-{next(self._number):03}"
        payload = {**desk.base, **asked}
        verdict = desk.judge(payload)
        untested = ""
        if verdict.state is State.INVALID:
            untested = f"the dialect forbids it: {verdict.violations[0]}"
        prompt, model = desk.named("prompt") or "prompt", desk.named("model")
        sent = {**payload, prompt: f"{payload[prompt]} ({marker})"}
        if model and self.model:
            sent[model] = self.model
        case = Case(
            id=marker,
            operation=desk.operation.id,
            origin="sandwich",
            expectation=verdict.state,
            media_type=desk.body.media_type,
            payload=sent,
        )
        return Question(
            kind=kind,
            group=group,
            feature=feature,
            case=case,
            operation=desk.operation,
            marker=marker,
            member=member,
            name=name,
            more=more,
            promised=verdict.state is not State.UNSPECIFIED,
            untested=untested,
        )


def _bodies(operation: Operation) -> list[Any]:
    """The request bodies, a form first: it is what every edit takes."""
    return sorted(operation.bodies.values(), key=lambda each: each.media_type != FORM)


def _kind_of_body(desk: Desk) -> str:
    return "JSON" if desk.body.media_type == JSON else desk.body.media_type


def _telling(desk: Desk, member: str) -> list[Any]:
    """Documented values of a member that tell it from its default."""
    schemas = list(flat(desk.body.properties[member]))
    defaults = {**desk.body.assumed_defaults, **desk.body.defaults}
    listed = [value for each in schemas for value in each.get("enum", [])]
    if desk.role(member) == "size":
        listed = [*SIZES, *listed]
    elif not listed:
        listed = [_plain(schemas)]
    usable = [each for each in listed if each not in (None, defaults.get(member))]
    for state in (State.VALID, State.UNSPECIFIED):
        found = [each for each in usable if _state(desk, member, each) is state]
        if found:
            most = len(SIZES) if desk.role(member) == "size" else len(found)
            return found[:most]
    return usable[:1]


def _plain(schemas: Sequence[Mapping[str, Any]]) -> Any:
    types = [name for each in schemas for name in types_of(each)]
    if "boolean" in types:
        return True
    if "integer" in types or "number" in types:
        most = max((each.get("maximum", 0) for each in schemas), default=0)
        return 50 if most > 50 else 2
    return "imageparity"


def _state(desk: Desk, member: str, value: Any) -> State:
    return desk.state({**desk.base, **_where_valid(desk, member, value)})


def _where_valid(desk: Desk, member: str, value: Any) -> dict[str, Any]:
    """A value with the one other member, if any, that makes the document allow it."""
    alone = {member: value}
    if desk.state({**desk.base, **alone}) is State.VALID:
        return alone
    for other, schema in desk.body.properties.items():
        if other == member or desk.role(other) in APART:
            continue
        for part in flat(schema):
            for each in part.get("enum", []):
                both = {**alone, other: each}
                if each and desk.state({**desk.base, **both}) is State.VALID:
                    return both
    return alone
