"""Answers that the one provider gives and the other does not, and so their readers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.compare.migration.model import (
    Finding,
    Lane,
    Move,
    Payload,
    Said,
    Witness,
    brief,
    is_documented,
    said,
)
from contracts.compare.migration.requests import witness
from contracts.compare.migration.rules import Severity, rules
from contracts.planning.case import JSON
from contracts.planning.request_model import Desk
from contracts.planning.values import flat, telling, types_of
from specs import Body, Evidence, Judge, Operation, Provider, effective
from specs.validation.judge import matches

UNKNOWN = "imageparity"
DELIVERED = {"data[].url", "data[].b64_json"}
_OF_ANSWERS = {"RES-MISSING", "RES-TYPE", "RES-ENUM", "RES-FORMAT", "RES-EXTRA"}
_WIDER = {
    **dict.fromkeys(("enum", "const"), "RES-ENUM"),
    "type": "RES-TYPE",
}


@dataclass(frozen=True)
class Promise:
    """A member of an answer; it is `sure` where the document promises it."""

    path: str
    schema: Any
    evidence: Evidence
    sure: bool


def promises(body: Body, request: Mapping[str, Any] | None) -> dict[str, Promise]:
    """
    The members of an answer by their paths, such as `data[].url`.

    `request`, in canonical names, decides about members that come with some requests
    only; None for answers that depend on none.
    """
    found = _members(body.schema, "", body.evidence, request, sure=True)
    return {each.path: each for each in found}


def _members(
    schema: Any,
    above: str,
    evidence: Evidence,
    request: Mapping[str, Any] | None,
    *,
    sure: bool,
) -> Iterator[Promise]:
    if not isinstance(schema, dict):
        return
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        node = member if isinstance(member, dict) else {}
        own = evidence.within(node)
        when = node.get("x-when")
        if when is not None and request is not None and not matches(when, request):
            continue
        is_sure = sure and (name in required or when is not None)
        path = f"{above}{name}"
        yield Promise(path, member, own, is_sure)
        yield from _members(node, f"{path}.", own, request, sure=is_sure)
        entries = node.get("items")
        if isinstance(entries, dict):
            below = own.within(entries)
            yield from _members(entries, f"{path}[].", below, request, sure=is_sure)


def findings(lane: Lane, accepted: Sequence[Payload]) -> Iterator[Finding]:
    """How the answers to requests differ that both providers take."""
    plain = [each for each in accepted if not _streams(lane.old, each)]
    if plain:
        yield from _deliveries(lane, plain)
        yield from _missing(lane, plain[0])
        yield from _contradictions(lane, plain)
    yield from _stream(lane)


def _canonical(desk: Desk, payload: Payload) -> dict[str, Any]:
    return effective(desk.provider.dialect, desk.operation, desk.body, payload)


def _streams(desk: Desk, payload: Payload) -> bool:
    return _canonical(desk, payload).get("stream") is True


def _deliveries(lane: Lane, accepted: Sequence[Payload]) -> Iterator[Finding]:
    """How pictures come, by the dialects, for each pair of ways that differ."""
    seen: set[tuple[str, str]] = set()
    for payload in accepted:
        old = _given(lane.old, payload)
        new = _given(lane.new, lane.renamed(payload))
        pair = (old["give"], new["give"])
        if pair[0] == pair[1] or pair in seen:
            continue
        seen.add(pair)
        yield from _delivery(lane, payload, old, new)


def _given(desk: Desk, payload: Payload) -> Mapping[str, Any]:
    return desk.provider.dialect.gives(_canonical(desk, payload))


def _delivery(
    lane: Lane, payload: Payload, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    words = {"url": "an address in `url`", "b64_json": "base64 in `b64_json`"}
    words["data_uri"] = "a data URI in `url`"
    told = (_evidence(old), _evidence(new))
    is_said = is_documented(told[1])
    client = lane.move.client
    sentences = [
        said(desk.provider, f"pictures come as {words[each['give']]}", evidence)
        for desk, each, evidence in zip(
            (lane.old, lane.new), (old, new), told, strict=True
        )
    ]
    before = "b64_json" if old["give"] == "b64_json" else "url"
    after = "b64_json" if new["give"] == "b64_json" else "url"
    found = []
    if before != after:
        other = f", but on {words[new['give']]}"
        fix = rules()["RES-MISSING"].fix.format(member=f"data[].{before}", value=other)
        found.append(("RES-MISSING", f"data[].{before}", fix))
    if new["give"] == "data_uri":
        fix = "decode what follows `;base64,` in `url`, and fetch nothing"
        found.append(("RES-FORMAT", "data[].url", fix))
    for id_, member, fix in found:
        # Code that reads base64 does not fetch addresses: it only may.
        reads = id_ != "RES-FORMAT" or before == "url"
        severity = rules()[id_].severity(member, said=is_said and reads)
        if client and client.pictures is not None:
            can = new["give"] in client.pictures
            severity = Severity.INFO if can else severity
        what = "is a data URI" if id_ == "RES-FORMAT" else "does not come"
        yield Finding(
            rule=id_,
            severity=severity,
            operation=lane.operation,
            member=member,
            sentence=f"{member} {what}: the picture comes as {words[new['give']]}",
            old=sentences[0],
            new=sentences[1],
            fix=fix,
            witness=witness(lane.move, lane.old, payload),
            media_types=(lane.old.body.media_type,),
        )


def _evidence(entry: Mapping[str, Any]) -> Evidence:
    return Evidence().within(
        {"x-source": entry["source"], "x-basis": entry.get("basis", "documented")}
    )


def _missing(lane: Lane, payload: Payload) -> Iterator[Finding]:
    """Members that do not come, that may hold more, and that are new."""
    bodies = [desk.operation.success.bodies.get(JSON) for desk in (lane.old, lane.new)]
    if bodies[0] is None or bodies[1] is None:
        return
    before = promises(bodies[0], _canonical(lane.old, payload))
    after = promises(bodies[1], _canonical(lane.new, lane.renamed(payload)))
    shown_by = witness(lane.move, lane.old, payload)
    lacking: set[str] = set()
    for path, promise in before.items():
        there = after.get(path)
        if path in DELIVERED or any(path.startswith(each) for each in lacking):
            pass
        elif there is None or (promise.sure and not there.sure and path != "data"):
            lacking |= {f"{path}.", f"{path}[]."}
            yield _lacks(lane.move, lane.operation, promise, there, shown_by)
        else:
            yield from _wider(lane.move, lane.operation, promise, there)
    for path, promise in after.items():
        parent = path.rpartition(".")[0].removesuffix("[]")
        if (
            path not in before
            and path not in DELIVERED
            and (not parent or parent in before)
        ):
            yield _finding(
                lane.move,
                "RES-EXTRA",
                lane.operation,
                path,
                f"{path} is new",
                old=said(lane.move.old, f"{path} is not listed", bodies[0].evidence),
                new=said(lane.move.new, f"{path} may come", promise.evidence),
                is_said=is_documented(promise.evidence),
                shown_by=shown_by,
            )


def _lacks(
    move: Move, operation: str, promise: Promise, there: Promise | None, by: Witness
) -> Finding:
    body = move.new.operations[operation].success
    path = promise.path
    word = "comes" if promise.sure else "may come"
    evidence = there.evidence if there else body.evidence
    here = f"{path} may come" if there else f"{path} is not listed"
    return _finding(
        move,
        "RES-MISSING",
        operation,
        path,
        f"{path} is not promised" if there else f"{path} is not among the members",
        old=said(move.old, f"{path} {word}", promise.evidence),
        new=said(move.new, here, evidence),
        is_said=there is None and promise.sure and is_documented(promise.evidence),
        shown_by=by,
    )


def _wider(move: Move, operation: str, old: Promise, new: Promise) -> Iterator[Finding]:
    """A value that the new provider may send and the old one could not."""
    if types_of(new.schema) in (["object"], ["array"]):
        return  # its members are held against each other, one by one
    before, after = (Judge(_or_true(each.schema), open=True) for each in (old, new))
    role = new.path.rpartition(".")[2]
    schemas = [*flat(new.schema), *flat(old.schema)]
    values = [each.value for each in telling(schemas, [], is_form=False, role=role)]
    for value in [*values, None, 1, 1.5, True, UNKNOWN, []]:
        if after.is_valid(value) and not before.is_valid(value):
            violation = next(iter(before.violations(value)))
            rule = _WIDER.get(violation.keyword, "RES-FORMAT")
            yield _finding(
                move,
                rule,
                operation,
                new.path,
                f"{new.path} may be {brief(value)}",
                old=said(move.old, f"{new.path} {violation.message}", old.evidence),
                new=said(move.new, f"{new.path} may be {brief(value)}", new.evidence),
                is_said=is_documented(new.evidence),
                shown_by=Witness(operation, answer={new.path: value}),
                value=brief(value),
            )
            return


def _or_true(schema: Any) -> Any:
    return schema if isinstance(schema, dict) else {}


def _finding(
    move: Move,
    id_: str,
    operation: str,
    member: str,
    sentence: str,
    *,
    old: Said,
    new: Said,
    is_said: bool,
    shown_by: Witness | None,
    value: str = "",
) -> Finding:
    rule = rules()[id_]
    severity = rule.severity(member, said=is_said)
    if move.client and move.client.pictures_only and id_ in _OF_ANSWERS:
        severity = Severity.INFO
    return Finding(
        rule=id_,
        severity=severity,
        operation=operation,
        member=member,
        sentence=sentence,
        old=old,
        new=new,
        fix=rule.fix.format(member=member, value=value, other="", to=move.new.title),
        witness=shown_by,
        media_types=(shown_by.media_type,) if shown_by else (),
    )


def _contradictions(lane: Lane, accepted: Sequence[Payload]) -> Iterator[Finding]:
    """What may be asked for and cannot be repeated by the same page's answer."""
    body = lane.new.operation.success.bodies.get(JSON)
    if body is None:
        return
    seen: set[str] = set()
    if not any("enum" in _or_true(each) for each in body.properties.values()):
        return
    for payload in accepted:
        asked = _canonical(lane.new, lane.renamed(payload))
        for path, promise in promises(body, asked).items():
            value = asked.get(path)
            listed = _or_true(promise.schema).get("enum")
            if path in seen or not listed or value in (None, "auto"):
                continue
            if not Judge(promise.schema, open=True).is_valid(value):
                seen.add(path)
                words = ", ".join(map(str, listed))
                yield _finding(
                    lane.move,
                    "DOC-SELF",
                    lane.operation,
                    path,
                    f"{path} = {brief(value)} may be asked for, "
                    f"and an answer cannot repeat it",
                    old=said(lane.move.old, "not concerned"),
                    new=said(lane.move.new, f"{path}: {words}", promise.evidence),
                    is_said=True,
                    shown_by=witness(lane.move, lane.old, payload),
                )


def _stream(lane: Lane) -> Iterator[Finding]:
    """A stream of events that the one documents and the other does not."""
    old, new = lane.old, lane.new
    name = old.named("stream")
    if name is None or not old.operation.streams or not lane.uses(name):
        return
    asked = (lane.sent({**each, name: True}) for each in lane.contexts)
    payload = next(filter(lane.may_send, asked), None)
    if payload is None:
        return
    events = old.operation.success.bodies["text/event-stream"]
    if new.operation.streams:
        yield from _events(lane, payload)
        return
    yield _finding(
        lane.move,
        "RES-MEDIA",
        lane.operation,
        name,
        "no stream of events is documented",
        old=said(lane.move.old, "answers with a stream of events", events.evidence),
        new=said(
            lane.move.new,
            f"answers with {', '.join(new.operation.success.bodies)}",
            new.operation.success.evidence,
        ),
        is_said=True,
        shown_by=witness(lane.move, lane.old, payload),
    )


def _events(lane: Lane, payload: Payload) -> Iterator[Finding]:
    """Events that do not come, and members that they lack."""
    before, after = (
        desk.operation.success.bodies["text/event-stream"].events
        for desk in (lane.old, lane.new)
    )
    shown_by = witness(lane.move, lane.old, payload)
    for type_, event in before.items():
        here = promises(event, None)
        there = promises(after[type_], None) if type_ in after else {}
        lost = [each for each in here.values() if each.sure and "." not in each.path]
        for promise in lost:
            match = there.get(promise.path)
            if match is not None and match.sure:
                continue
            if type_ not in after and promise.path != "type":
                continue  # the whole event is missing, which is told once
            name = type_ if type_ not in after else f"{type_}: {promise.path}"
            yield _finding(
                lane.move,
                "RES-MISSING",
                lane.operation,
                name,
                f"{name} is not promised",
                old=said(lane.move.old, f"{name} comes", promise.evidence),
                new=said(
                    lane.move.new,
                    f"{name} {'may come' if match else 'is not listed'}",
                    lane.new.operation.success.evidence,
                ),
                is_said=match is None and is_documented(promise.evidence),
                shown_by=shown_by,
            )


def errors(move: Move, operation: Operation) -> Iterator[Finding]:
    """Statuses that are new, and error bodies that lack members."""
    other = move.new.operations.get(operation.id)
    if other is None:
        return
    known = {each.status for each in operation.errors.values()}
    seen: set[int] = set()
    for error in other.errors.values():
        if error.status in known or error.status in seen:
            continue
        seen.add(error.status)
        yield _finding(
            move,
            "RES-STATUS",
            operation.id,
            str(error.status),
            f"status {error.status} may come ({error.name})",
            old=said(move.old, f"{error.status} is not listed", operation.evidence),
            new=said(move.new, f"{error.name}: {error.status}", error.evidence),
            is_said=is_documented(error.evidence),
            shown_by=Witness(operation.id, answer=error.body),
            value=f" ({error.name})",
        )
    yield from _envelopes(move, operation, other)


def _envelopes(move: Move, operation: Operation, other: Operation) -> Iterator[Finding]:
    told: set[str] = set()
    for error in other.errors.values():
        bodies = [_error_body(each, error.status) for each in (operation, other)]
        if bodies[0] is None or bodies[1] is None:
            continue
        before, after = (promises(each, None) for each in bodies if each)
        for path, promise in before.items():
            there = after.get(path)
            hands_on = move.client is None or path in move.client.error
            is_leaf = "properties" not in _or_true(promise.schema)
            if path in told or not promise.sure or (is_leaf and not hands_on):
                continue
            if there is not None and there.sure:
                continue
            told.add(path)
            body = _without(error.body, path.split("."))
            yield _finding(
                move,
                "RES-ERROR",
                operation.id,
                path,
                f"{path} may be missing",
                old=said(move.old, f"{path} comes", promise.evidence),
                new=said(
                    move.new,
                    f"{path} {'may come' if there else 'is not listed'}",
                    bodies[1].evidence,
                ),
                is_said=there is None and is_documented(bodies[1].evidence),
                shown_by=Witness(operation.id, answer=body),
            )


def _error_body(operation: Operation, status: int) -> Body | None:
    response = operation.response_for(status)
    return response.bodies.get(JSON) if response else None


def _without(body: Any, steps: Sequence[str]) -> Any:
    """An error body without one of its members."""
    if not isinstance(body, dict):
        return body
    first, *rest = steps
    if not rest:
        return {name: each for name, each in body.items() if name != first}
    return {
        name: _without(each, rest) if name == first else each
        for name, each in body.items()
    }


def addresses(move: Move) -> Iterator[Finding]:
    """Base URLs, keys, and operations that are elsewhere or nowhere."""
    old, new = move.old, move.new
    if old.base_path != new.base_path:
        url = new.dialect.base_url
        yield _transport(
            move,
            "REQ-PATH",
            "",
            "base URL",
            f"the base URL begins with {new.base_path or '/'} instead of "
            f"{old.base_path or '/'}",
            (old.dialect.base_url, url),
            f'base_url = "{url}"',
        )
    forms = [each.dialect.key for each in (old, new)]
    if forms[1].get("form") and forms[0].get("form") != forms[1]["form"]:
        before = forms[0].get("form")
        fix = f"read the key from {new.dialect.key_env}; do not check its form"
        yield _transport(
            move,
            "REQ-AUTH",
            "",
            "key form",
            f"keys look like {forms[1]['form']}",
            (
                f"keys look like {before}" if before else "no form of keys is said",
                f"keys look like {forms[1]['form']}",
            ),
            fix,
            tuple(str(each.get("source", "")) for each in forms),
        )
    for operation in move.operations:
        yield from _address(move, operation)


def _address(move: Move, operation: Operation) -> Iterator[Finding]:
    other = move.new.operations.get(operation.id)
    here = f"{operation.method} {operation.path}"
    if other is None:
        yield _transport(
            move,
            "REQ-PATH",
            operation.id,
            operation.path,
            f"{here} does not exist",
            (here, "is not listed"),
            f"do without {operation.id}: there is nothing like it",
            (operation.evidence.source, ""),
        )
        return
    there = f"{other.method} {other.path}"
    if here != there:
        yield _transport(
            move,
            "REQ-PATH",
            operation.id,
            operation.path,
            f"{here} is {there}",
            (here, there),
            f"call {there}",
            (operation.evidence.source, other.evidence.source),
        )
    if bool(operation.authenticated) != bool(other.authenticated):
        needs = "send a bearer token" if other.authenticated else "no key is needed"
        yield _transport(
            move,
            "REQ-AUTH",
            operation.id,
            "Authorization",
            f"{operation.id}: {needs}",
            tuple(
                "wants a bearer token" if each.authenticated else "wants no key"
                for each in (operation, other)
            ),
            needs,
            (operation.evidence.source, other.evidence.source),
        )


def _transport(
    move: Move,
    id_: str,
    operation: str,
    member: str,
    sentence: str,
    texts: tuple[str, ...],
    fix: str,
    sources: tuple[str, ...] = ("", ""),
) -> Finding:
    rule = rules()[id_]
    return Finding(
        rule=id_,
        severity=rule.severity(member, said=True),
        operation=operation,
        member=member,
        sentence=sentence,
        old=_from(move.old, texts[0], sources[0]),
        new=_from(move.new, texts[1], sources[1]),
        fix=rule.fix.format(member=member, value=fix),
    )


def _from(provider: Provider, text: str, source: str) -> Said:
    return said(provider, text, Evidence(source=source) if source else None)
