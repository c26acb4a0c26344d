"""
A second opinion: stock schemathesis over the same document.

It draws requests and judges answers; what it draws is classified by our judge and sent
by our sender, so that one ledger counts, paces and records everything. It sends nothing
itself: a check that would is given what it wants to know, or is left out.

This runs inside the process because its generators and checks can be had as functions:
a local server between its command line and the target would give the same requests and
the same verdicts, but could plan none of them before the first is sent.
"""

import json
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property, lru_cache
from importlib import import_module
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import Opinion
from contracts.media.image.samples import Sample
from contracts.planning.case import FORM, JSON, Case, Fault, body_of, form_text
from contracts.planning.fuzz import drawn
from contracts.planning.generated import classified, is_modest
from contracts.planning.probes import MOST_PER_CLAIM
from contracts.planning.request_model import Desk, desks_of
from contracts.planning.values import LONG_TEXT
from specs import (
    EVENT_STREAM,
    Basis,
    Body,
    Operation,
    Provider,
    Response,
    State,
)
from specs.validation.judge import compiled, documented, lowered

ORIGIN = "schemathesis"
EXAMPLES = 12
PICTURES = {
    "picture-png": Sample(),
    "picture-other": Sample(variant=1),
    "picture-webp": Sample(format="webp"),
    "picture-alpha": Sample(alpha=True),
}
HEARD = {"auth", "stream", "example"}
NOWHERE = "http://nowhere.invalid"  # should it ever send something after all
ABOUT_KEYS = "ignored_auth"  # takes a key that it is not told of for a bad one

log = logging.getLogger(__name__)


@lru_cache(maxsize=16)
def second_opinion(provider: Provider, seed: int = 0) -> "SecondOpinion":
    """The second opinion on a provider: its requests are drawn once for a seed."""
    return SecondOpinion(provider, seed=seed)


class SecondOpinion:
    """What schemathesis asks about one provider's document, and says of the answers."""

    def __init__(self, provider: Provider, *, seed: int = 0, examples: int = EXAMPLES):
        self._provider = provider
        self._seed = seed
        self._examples = examples

    @property
    def cases(self) -> list[Case]:
        """Its requests as cases, the same for the same seed; what is open is left."""
        return [case for case, _ in self._drawn.values()]

    def of(self, interaction: Interaction) -> list[Opinion]:
        """
        What it has against an answer: to a request of its own, or to one of `HEARD`.

        A request made smaller is no longer its own: only the answer is judged.
        """
        case = interaction.case
        ours, theirs = self._drawn.get(case.id, (None, None))
        is_own = ours is not None and ours.payload == case.payload
        if interaction.status is None or not (ours or case.origin in HEARD):
            return []
        if not is_own:
            operation = self._provider.operations[case.operation]
            theirs = self._whole[operation.path][operation.method].Case()
        return list(self._failures(theirs, interaction, _wanted(case)))

    def _failures(
        self, theirs: Any, interaction: Interaction, wanted: Iterable[Any]
    ) -> Iterator[Opinion]:
        response = self._response(interaction)
        if not _failed(theirs, response, wanted):
            return
        # One by one, since a failure does not say for certain which check it is of.
        for check in wanted:
            for failure in _failed(theirs, response, [check]):
                message = " ".join(failure.message.split())[:300]
                yield Opinion(check.__name__, failure.title, message)

    def _response(self, interaction: Interaction) -> Any:
        """An exchange in the words of schemathesis; without the key."""
        from schemathesis import Response as Stock

        case = interaction.case
        operation = self._provider.operations[case.operation]
        body, content_type = body_of(case)
        headers = {"Content-Type": content_type} if content_type else {}
        if case.auth is not None:
            headers["Authorization"] = case.auth
        # Its type stubs are no dependency of ours.
        request = import_module("requests").Request(
            case.method or operation.method,
            NOWHERE + operation.path,
            headers=headers,
            data=body,
        )
        return Stock(
            status_code=interaction.status or 0,
            headers={name: [value] for name, value in interaction.headers.items()},
            content=interaction.body,
            request=request.prepare(),
            elapsed=interaction.seconds,
            verify=True,
        )

    @cached_property
    def _whole(self) -> Any:
        return self._loaded(stated(self._provider))

    @cached_property
    def _plain(self) -> Any:
        return self._loaded(stated(self._provider, with_rules=False))

    def _loaded(self, document: dict[str, Any]) -> Any:
        import schemathesis

        settings = {
            "seed": self._seed,
            "generation": {"with-security-parameters": False, "allow-x00": False},
        }
        return schemathesis.openapi.from_dict(
            document, config=schemathesis.Config.from_dict(settings)
        )

    @cached_property
    def _drawn(self) -> dict[str, tuple[Case, Any]]:
        """Each case with what schemathesis knows of it, by id."""
        found: dict[str, tuple[Case, Any]] = {}
        names: Counter[str] = Counter()
        about: Counter[tuple[str, str]] = Counter()
        for operation in self._provider.operations.values():
            seen: set[str] = set()
            for label, theirs in self._requests(operation):
                case = self._case(operation, label, theirs)
                if case is None or repr(case) in seen:
                    continue
                seen.add(repr(case))
                if case.fault is not None:
                    key = (label, case.fault.claim)
                    about[key] += 1
                    if about[key] > MOST_PER_CLAIM:
                        continue
                names[case.id] += 1
                named = replace(case, id=f"{case.id}-{names[case.id]}")
                found[named.id] = (named, theirs)
        return found

    def _requests(self, operation: Operation) -> Iterator[tuple[str, Any]]:
        """
        Requests at the edges of the document first, then such as chance gives.

        The rules are left out of the edges: schemathesis breaks a rule apart from the
        members that are required beside it, so that other faults would hide its own.
        """
        from schemathesis import GenerationMode

        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        theirs = self._plain[operation.path][operation.method]
        for each in self._plain.iter_coverage_cases(
            theirs,
            generation_modes=modes,
            generation_config=self._plain.config.generation_for(
                operation=theirs, phase="coverage"
            ),
        ):
            yield _scenario(each), each
        theirs = self._whole[operation.path][operation.method]
        for mode in modes:
            strategy = theirs.as_strategy(generation_mode=mode)
            for each in drawn(strategy, self._seed, self._examples):
                yield str(mode.value), each

    def _case(self, operation: Operation, label: str, theirs: Any) -> Case | None:
        """What is sent for a request of theirs, as our judge reads it."""
        from schemathesis.core import NOT_SET

        media_type = theirs.media_type or next(iter(operation.bodies))
        desk = desks_of(self._provider)[operation.id, media_type]
        name = f"{desk.name}/{ORIGIN}/{label}"
        if theirs.method != operation.method:
            name = f"{desk.name}/{ORIGIN}/method-{theirs.method.lower()}"
            return _open(desk, name, method=theirs.method)
        if "Content-Type" in theirs.headers:
            raw, _ = body_of(_open(desk, name))
            return _open(desk, name, raw=raw, content_type="text/plain")
        if theirs.body is NOT_SET:
            return _no_object(desk, name, b"") if media_type == JSON else None
        body = _plain(theirs.body)
        if isinstance(body, dict):
            payload = _read_as_form(desk, body) if media_type == FORM else body
            if payload is None or not all(map(is_modest, payload.values())):
                return None
            case = classified(desk, ORIGIN, label, payload)
            is_odd = not all(map(_is_plain_text, payload.values()))
            return None if case and case.fault is None and is_odd else case
        if media_type == FORM or body is None:
            return None
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _no_object(desk, name, raw)


def stated(provider: Provider, *, with_rules: bool = True) -> dict[str, Any]:
    """
    The document as its provider states it, in words that schemathesis knows.

    Assumptions are left out, and unlisted members with them; a file is the name of one
    of our `PICTURES`, of which those stand to choose that its schema takes; `model` is
    one that a plain request may name.
    """
    paths: dict[str, Any] = {}
    for operation in provider.operations.values():
        paths.setdefault(operation.path, {})[operation.method.lower()] = {
            "operationId": operation.id,
            "security": [{"bearer": []}] if operation.authenticated else [],
            "requestBody": {
                "required": True,
                "content": {
                    media_type: {
                        "schema": _asked(provider, operation, body, with_rules)
                    }
                    for media_type, body in operation.bodies.items()
                },
            },
            "responses": {
                status: _answered(each) for status, each in operation.responses.items()
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": provider.title, "version": provider.version},
        "servers": [{"url": NOWHERE}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}
        },
        "paths": paths,
    }


def _asked(
    provider: Provider, operation: Operation, body: Body, with_rules: bool
) -> dict[str, Any]:
    desk = desks_of(provider)[operation.id, body.media_type]
    schema = documented(_in_names(_modest(body.schema)))
    parts = [each for each in schema.get("allOf", []) if each is not True]
    if not with_rules:
        parts = [each for each in parts if "x-rule" not in each]
    listed = {
        name: member
        for name, member in schema.get("properties", {}).items()
        if member is not True
    }
    models = [each["model"] for _, each in desk.contexts if "model" in each]
    if models and "model" in listed:
        listed["model"] = {"type": "string", "enum": list(dict.fromkeys(models))}
    for name, value in desk.base.items():
        if isinstance(value, str) and name != "model":
            listed[name] = {**listed[name], "minLength": 1, "examples": [value]}
    closed = {"properties": listed, "additionalProperties": False}
    return {**schema, **closed, "allOf": parts or [{}]}


def _answered(response: Response) -> dict[str, Any]:
    return {
        "description": response.status,
        "headers": {
            name: each
            for name, each in response.headers.items()
            if each.get("x-basis", Basis.DOCUMENTED) == Basis.DOCUMENTED
        },
        "content": {
            media_type: {"schema": _answer(media_type, documented(body.schema))}
            for media_type, body in response.bodies.items()
        },
    }


def _answer(media_type: str, schema: Any) -> dict[str, Any]:
    """
    The schema of a body, in what schemathesis makes of it.

    It takes that of a stream for the event around the data.
    """
    found = schema if isinstance(schema, dict) else {}
    if media_type != EVENT_STREAM:
        return found
    data = {"contentMediaType": JSON, "contentSchema": found}
    return {"type": "object", "properties": {"data": {"type": "string", **data}}}


def _modest(schema: Any) -> Any:
    """A schema that draws null only where null is listed, and no text of megabytes."""
    if isinstance(schema, list):
        return [_modest(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _modest(each)
        for key, each in schema.items()
        if key != "x-null" and not (key == "maxLength" and each >= LONG_TEXT)
    }


def _in_names(schema: Any) -> Any:
    """A schema with each file as the name of one of our pictures."""
    if isinstance(schema, list):
        return [_in_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _in_names(each) for key, each in schema.items()}
    if schema.get("format") == "binary":
        del result["format"]
        takes = compiled(lowered(schema))
        names = [name for name, each in PICTURES.items() if takes.is_valid(each.facts)]
        # Says nothing of lists, which the same member may take as well.
        result["pattern"] = f"^({'|'.join(names)})$"
    return result


def _read_as_form(desk: Desk, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    A body as its form will be read; None when no form can say it.

    All but a file is text on the wire, and a list of texts is no list there.
    """
    payload: dict[str, Any] = {}
    for name, value in body.items():
        is_file = desk.role(name) in {"image", "mask"}
        several = value if isinstance(value, list) else [value]
        if is_file and several and all(str(each) in PICTURES for each in several):
            files = [PICTURES[str(each)] for each in several]
            payload[name] = files if isinstance(value, list) else files[0]
        elif isinstance(value, list | bytes) or not _is_part_name(name):
            return None
        else:
            payload[name] = _read_as_text(form_text(value), desk.schemas(name))
    return payload


def _read_as_text(text: str, schemas: Iterable[Any]) -> Any:
    """A form's text as the type that its member asks for, where it can be read so."""
    types = [str(each.get("type")) for each in schemas if isinstance(each, dict)]
    kinds = {"integer": int, "boolean": bool}
    for kind, wanted in kinds.items():
        if any(kind in each for each in types):
            try:
                value = json.loads(text)
            except ValueError:
                continue
            if type(value) is wanted:
                return value
    return text


def _is_plain_text(value: Any) -> bool:
    """Whether a value is no text, or one of which no server may think ill."""
    if not isinstance(value, str):
        return True
    return not any(unicodedata.category(each) == "Cc" for each in value) and bool(
        value.strip()
    )


def _is_part_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _plain(body: Any) -> Any:
    """A body in plain types (schemathesis has its own text); None if it has none."""
    if isinstance(data := getattr(body, "data", body), bytes):
        return data
    try:
        return json.loads(json.dumps(body, allow_nan=False), parse_float=_number)
    except (TypeError, ValueError):
        return None


def _number(text: str) -> int | float:
    """A number; 3.0 is an integer to JSON Schema, but not to every JSON reader."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _open(desk: Desk, name: str, **changes: Any) -> Case:
    """A plain request of a shape that the document does not speak of."""
    return Case(
        id=name,
        operation=desk.operation.id,
        origin="transport",
        expectation=State.UNSPECIFIED,
        media_type=desk.body.media_type,
        payload=desk.base,
        **changes,
    )


def _no_object(desk: Desk, name: str, raw: bytes) -> Case:
    """A body that cannot be read as what it claims to be."""
    return Case(
        id=name,
        operation=desk.operation.id,
        origin="malformed",
        expectation=State.INVALID,
        media_type=desk.body.media_type,
        claims=(desk.name,),
        fault=Fault(desk.name, "invalid_request"),
        raw=raw,
    )


def _scenario(theirs: Any) -> str:
    scenario = theirs.meta.phase.data.scenario
    return str(scenario.value).replace("_", "-") if scenario else "coverage"


def _failed(theirs: Any, response: Any, checks: Iterable[Any]) -> list[Any]:
    """The failures of some checks, in an order of their own."""
    from schemathesis.errors import FailureGroup

    try:
        theirs.validate_response(response, checks=list(checks))
    except FailureGroup as group:
        return sorted(group.exceptions)
    except Exception:  # its own fault, and not the target's
        log.warning("schemathesis could not judge an answer", exc_info=True)
    return []


def _wanted(case: Case) -> list[Any]:
    """
    The checks to run: of a bad key the one that is about keys, else all the others.

    To an answer of 5xx for a wrong label one of them would ask again with a right one;
    our own checks report it as it is.
    """
    checks = _checks()
    if case.origin == "auth":
        return [checks[ABOUT_KEYS]]
    unwanted = {ABOUT_KEYS, "object_level_authorization"}
    if case.content_type is not None:
        unwanted.add("not_a_server_error")
    return [each for name, each in checks.items() if name not in unwanted]


@cache
def _checks() -> dict[str, Any]:
    """The checks that schemathesis has, by name."""
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    return {name: CHECKS.get_one(name) for name in sorted(CHECKS.get_all_names())}
