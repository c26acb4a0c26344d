"""Answers that the one provider gives and the other does not, and so their readers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Citation,
    Counterexample,
    Migration,
    Payload,
    cite,
    is_documented,
    shorten,
)
from contracts.compare.migration.requests import build_counterexample
from contracts.compare.migration.rules import Severity, rules
from contracts.planning.boundary_values import boundary_values
from contracts.planning.case import JSON
from contracts.planning.request_model import RequestModel
from contracts.planning.values import all_of_parts, types_of
from specs import Body, Evidence, Judge, Operation, Provider
from specs.validation.engine import is_instance

UNKNOWN_VALUE = "imageparity"
DELIVERY_PATHS = {"data[].url", "data[].b64_json"}
_RESPONSE_RULES = {"RES-MISSING", "RES-TYPE", "RES-ENUM", "RES-FORMAT", "RES-EXTRA"}
_RULE_BY_KEYWORD = {
    **dict.fromkeys(("enum", "const"), "RES-ENUM"),
    "type": "RES-TYPE",
}


@dataclass(frozen=True)
class ResponseMember:
    """A member of an answer; it is `sure` where the document promises it."""

    path: str
    schema: Any
    evidence: Evidence
    is_guaranteed: bool


def response_members(
    body: Body, request: Mapping[str, Any] | None
) -> dict[str, ResponseMember]:
    """
    The members of an answer by their paths, such as `data[].url`.

    `request`, in canonical names, decides about members that come with some requests
    only; None for answers that depend on none.
    """
    found = _iter_members(body.schema, "", body.evidence, request, guaranteed=True)
    return {each.path: each for each in found}


def _iter_members(
    schema: Any,
    parent_path: str,
    evidence: Evidence,
    request: Mapping[str, Any] | None,
    *,
    guaranteed: bool,
) -> Iterator[ResponseMember]:
    if not isinstance(schema, dict):
        return
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        node = member if isinstance(member, dict) else {}
        own = evidence.within(node)
        when = node.get("x-when")
        if when is not None and request is not None and not is_instance(when, request):
            continue
        is_sure = guaranteed and (name in required or when is not None)
        path = f"{parent_path}{name}"
        yield ResponseMember(path, member, own, is_sure)
        yield from _iter_members(node, f"{path}.", own, request, guaranteed=is_sure)
        entries = node.get("items")
        if isinstance(entries, dict):
            below = own.within(entries)
            yield from _iter_members(
                entries, f"{path}[].", below, request, guaranteed=is_sure
            )


def findings(
    body_pair: BodyPair, accepted: Sequence[Payload]
) -> Iterator[BreakingChange]:
    """How the answers to requests differ that both providers take."""
    plain = [each for each in accepted if not _is_streaming(body_pair.old, each)]
    if plain:
        yield from _delivery_findings(body_pair, plain)
        yield from _member_findings(body_pair, plain[0])
        yield from _contradictions(body_pair, plain)
    yield from _stream_findings(body_pair)


def _canonical_payload(request_model: RequestModel, payload: Payload) -> dict[str, Any]:
    return request_model.provider.canonical_request(
        request_model.operation.id, request_model.body.media_type, payload
    )


def _is_streaming(request_model: RequestModel, payload: Payload) -> bool:
    return _canonical_payload(request_model, payload).get("stream") is True


def _delivery_findings(
    body_pair: BodyPair, accepted: Sequence[Payload]
) -> Iterator[BreakingChange]:
    """How pictures come, by the dialects, for each pair of ways that differ."""
    seen: set[tuple[str, str]] = set()
    for payload in accepted:
        old = _delivery_for(body_pair.old, payload)
        new = _delivery_for(body_pair.new, body_pair.with_new_names(payload))
        pair = (old["give"], new["give"])
        if pair[0] == pair[1] or pair in seen:
            continue
        seen.add(pair)
        yield from _changed_delivery_findings(body_pair, payload, old, new)


def _delivery_for(request_model: RequestModel, payload: Payload) -> Mapping[str, Any]:
    return request_model.provider.dialect.delivery_for(
        _canonical_payload(request_model, payload)
    )


def _changed_delivery_findings(
    body_pair: BodyPair,
    payload: Payload,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> Iterator[BreakingChange]:
    words = {"url": "an address in `url`", "b64_json": "base64 in `b64_json`"}
    words["data_uri"] = "a data URI in `url`"
    told = (_evidence(old), _evidence(new))
    is_said = is_documented(told[1])
    client = body_pair.migration.client
    sentences = [
        cite(desk.provider, f"pictures come as {words[each['give']]}", evidence)
        for desk, each, evidence in zip(
            (body_pair.old, body_pair.new), (old, new), told, strict=True
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
        severity = rules()[id_].severity(member, documented=is_said and reads)
        if client and client.pictures is not None:
            can = new["give"] in client.pictures
            severity = Severity.INFO if can else severity
        what = "is a data URI" if id_ == "RES-FORMAT" else "does not come"
        yield BreakingChange(
            rule=id_,
            severity=severity,
            operation=body_pair.operation,
            member=member,
            sentence=f"{member} {what}: the picture comes as {words[new['give']]}",
            old=sentences[0],
            new=sentences[1],
            fix=fix,
            witness=build_counterexample(body_pair.migration, body_pair.old, payload),
            media_types=(body_pair.old.body.media_type,),
        )


def _evidence(entry: Mapping[str, Any]) -> Evidence:
    return Evidence().within(
        {"x-source": entry["source"], "x-basis": entry.get("basis", "documented")}
    )


def _member_findings(body_pair: BodyPair, payload: Payload) -> Iterator[BreakingChange]:
    """Members that do not come, that may hold more, and that are new."""
    bodies = [
        desk.operation.success.bodies.get(JSON)
        for desk in (body_pair.old, body_pair.new)
    ]
    if bodies[0] is None or bodies[1] is None:
        return
    before = response_members(bodies[0], _canonical_payload(body_pair.old, payload))
    after = response_members(
        bodies[1], _canonical_payload(body_pair.new, body_pair.with_new_names(payload))
    )
    shown_by = build_counterexample(body_pair.migration, body_pair.old, payload)
    lacking: set[str] = set()
    for path, promise in before.items():
        there = after.get(path)
        if path in DELIVERY_PATHS or any(path.startswith(each) for each in lacking):
            pass
        elif there is None or (
            promise.is_guaranteed and not there.is_guaranteed and path != "data"
        ):
            lacking |= {f"{path}.", f"{path}[]."}
            yield _missing_member(
                body_pair.migration, body_pair.operation, promise, there, shown_by
            )
        else:
            yield from _wider_value_findings(
                body_pair.migration, body_pair.operation, promise, there
            )
    for path, promise in after.items():
        parent = path.rpartition(".")[0].removesuffix("[]")
        if (
            path not in before
            and path not in DELIVERY_PATHS
            and (not parent or parent in before)
        ):
            yield _finding(
                body_pair.migration,
                "RES-EXTRA",
                body_pair.operation,
                path,
                f"{path} is new",
                old=cite(
                    body_pair.migration.old, f"{path} is not listed", bodies[0].evidence
                ),
                new=cite(body_pair.migration.new, f"{path} may come", promise.evidence),
                documented=is_documented(promise.evidence),
                counterexample=shown_by,
            )


def _missing_member(
    migration: Migration,
    operation: str,
    old_member: ResponseMember,
    new_member: ResponseMember | None,
    counterexample: Counterexample,
) -> BreakingChange:
    body = migration.new.operations[operation].success
    path = old_member.path
    word = "comes" if old_member.is_guaranteed else "may come"
    evidence = new_member.evidence if new_member else body.evidence
    here = f"{path} may come" if new_member else f"{path} is not listed"
    return _finding(
        migration,
        "RES-MISSING",
        operation,
        path,
        f"{path} is not promised" if new_member else f"{path} is not among the members",
        old=cite(migration.old, f"{path} {word}", old_member.evidence),
        new=cite(migration.new, here, evidence),
        documented=new_member is None
        and old_member.is_guaranteed
        and is_documented(old_member.evidence),
        counterexample=counterexample,
    )


def _wider_value_findings(
    migration: Migration, operation: str, old: ResponseMember, new: ResponseMember
) -> Iterator[BreakingChange]:
    """A value that the new provider may send and the old one could not."""
    if types_of(new.schema) in (["object"], ["array"]):
        return  # its members are held against each other, one by one
    before, after = (
        Judge(_schema_or_empty(each.schema), open=True) for each in (old, new)
    )
    role = new.path.rpartition(".")[2]
    schemas = [*all_of_parts(new.schema), *all_of_parts(old.schema)]
    values = [
        each.value
        for each in boundary_values(schemas, [], is_form=False, canonical_name=role)
    ]
    for value in [*values, None, 1, 1.5, True, UNKNOWN_VALUE, []]:
        if after.is_valid(value) and not before.is_valid(value):
            violation = next(iter(before.violations(value)))
            rule = _RULE_BY_KEYWORD.get(violation.keyword, "RES-FORMAT")
            yield _finding(
                migration,
                rule,
                operation,
                new.path,
                f"{new.path} may be {shorten(value)}",
                old=cite(
                    migration.old, f"{new.path} {violation.message}", old.evidence
                ),
                new=cite(
                    migration.new, f"{new.path} may be {shorten(value)}", new.evidence
                ),
                documented=is_documented(new.evidence),
                counterexample=Counterexample(operation, answer={new.path: value}),
                value=shorten(value),
            )
            return


def _schema_or_empty(schema: Any) -> Any:
    return schema if isinstance(schema, dict) else {}


def _finding(
    migration: Migration,
    rule_id: str,
    operation: str,
    member: str,
    sentence: str,
    *,
    old: Citation,
    new: Citation,
    documented: bool,
    counterexample: Counterexample | None,
    value: str = "",
) -> BreakingChange:
    rule = rules()[rule_id]
    severity = rule.severity(member, documented=documented)
    if (
        migration.client
        and migration.client.pictures_only
        and rule_id in _RESPONSE_RULES
    ):
        severity = Severity.INFO
    return BreakingChange(
        rule=rule_id,
        severity=severity,
        operation=operation,
        member=member,
        sentence=sentence,
        old=old,
        new=new,
        fix=rule.fix.format(
            member=member, value=value, other="", to=migration.new.title
        ),
        witness=counterexample,
        media_types=(counterexample.media_type,) if counterexample else (),
    )


def _contradictions(
    body_pair: BodyPair, accepted: Sequence[Payload]
) -> Iterator[BreakingChange]:
    """What may be asked for and cannot be repeated by the same page's answer."""
    body = body_pair.new.operation.success.bodies.get(JSON)
    if body is None:
        return
    seen: set[str] = set()
    if not any("enum" in _schema_or_empty(each) for each in body.properties.values()):
        return
    for payload in accepted:
        asked = _canonical_payload(body_pair.new, body_pair.with_new_names(payload))
        for path, promise in response_members(body, asked).items():
            value = asked.get(path)
            listed = _schema_or_empty(promise.schema).get("enum")
            if path in seen or not listed or value in (None, "auto"):
                continue
            if not Judge(promise.schema, open=True).is_valid(value):
                seen.add(path)
                words = ", ".join(map(str, listed))
                yield _finding(
                    body_pair.migration,
                    "DOC-SELF",
                    body_pair.operation,
                    path,
                    f"{path} = {shorten(value)} may be asked for, "
                    f"and an answer cannot repeat it",
                    old=cite(body_pair.migration.old, "not concerned"),
                    new=cite(
                        body_pair.migration.new, f"{path}: {words}", promise.evidence
                    ),
                    documented=True,
                    counterexample=build_counterexample(
                        body_pair.migration, body_pair.old, payload
                    ),
                )


def _stream_findings(body_pair: BodyPair) -> Iterator[BreakingChange]:
    """A stream of events that the one documents and the other does not."""
    old, new = body_pair.old, body_pair.new
    name = old.wire_name("stream")
    if name is None or not old.operation.supports_streaming or not body_pair.uses(name):
        return
    asked = (
        body_pair.prepare_payload({**each, name: True})
        for each in body_pair.minimal_requests
    )
    payload = next(filter(body_pair.may_send, asked), None)
    if payload is None:
        return
    events = old.operation.success.bodies["text/event-stream"]
    if new.operation.supports_streaming:
        yield from _event_findings(body_pair, payload)
        return
    yield _finding(
        body_pair.migration,
        "RES-MEDIA",
        body_pair.operation,
        name,
        "no stream of events is documented",
        old=cite(
            body_pair.migration.old, "answers with a stream of events", events.evidence
        ),
        new=cite(
            body_pair.migration.new,
            f"answers with {', '.join(new.operation.success.bodies)}",
            new.operation.success.evidence,
        ),
        documented=True,
        counterexample=build_counterexample(
            body_pair.migration, body_pair.old, payload
        ),
    )


def _event_findings(body_pair: BodyPair, payload: Payload) -> Iterator[BreakingChange]:
    """Events that do not come, and members that they lack."""
    before, after = (
        desk.operation.success.bodies["text/event-stream"].events
        for desk in (body_pair.old, body_pair.new)
    )
    shown_by = build_counterexample(body_pair.migration, body_pair.old, payload)
    for type_, event in before.items():
        here = response_members(event, None)
        there = response_members(after[type_], None) if type_ in after else {}
        lost = [
            each
            for each in here.values()
            if each.is_guaranteed and "." not in each.path
        ]
        for promise in lost:
            match = there.get(promise.path)
            if match is not None and match.is_guaranteed:
                continue
            if type_ not in after and promise.path != "type":
                continue  # the whole event is missing, which is told once
            name = type_ if type_ not in after else f"{type_}: {promise.path}"
            yield _finding(
                body_pair.migration,
                "RES-MISSING",
                body_pair.operation,
                name,
                f"{name} is not promised",
                old=cite(body_pair.migration.old, f"{name} comes", promise.evidence),
                new=cite(
                    body_pair.migration.new,
                    f"{name} {'may come' if match else 'is not listed'}",
                    body_pair.new.operation.success.evidence,
                ),
                documented=match is None and is_documented(promise.evidence),
                counterexample=shown_by,
            )


def error_findings(
    migration: Migration, operation: Operation
) -> Iterator[BreakingChange]:
    """Statuses that are new, and error bodies that lack members."""
    other = migration.new.operations.get(operation.id)
    if other is None:
        return
    known = {each.status for each in operation.errors.values()}
    seen: set[int] = set()
    for error in other.errors.values():
        if error.status in known or error.status in seen:
            continue
        seen.add(error.status)
        yield _finding(
            migration,
            "RES-STATUS",
            operation.id,
            str(error.status),
            f"status {error.status} may come ({error.name})",
            old=cite(
                migration.old, f"{error.status} is not listed", operation.evidence
            ),
            new=cite(migration.new, f"{error.name}: {error.status}", error.evidence),
            documented=is_documented(error.evidence),
            counterexample=Counterexample(operation.id, answer=error.body),
            value=f" ({error.name})",
        )
    yield from _error_body_findings(migration, operation, other)


def _error_body_findings(
    migration: Migration, operation: Operation, other: Operation
) -> Iterator[BreakingChange]:
    told: set[str] = set()
    for error in other.errors.values():
        bodies = [_error_body(each, error.status) for each in (operation, other)]
        if bodies[0] is None or bodies[1] is None:
            continue
        before, after = (response_members(each, None) for each in bodies if each)
        for path, promise in before.items():
            there = after.get(path)
            hands_on = migration.client is None or path in migration.client.error
            is_leaf = "properties" not in _schema_or_empty(promise.schema)
            if path in told or not promise.is_guaranteed or (is_leaf and not hands_on):
                continue
            if there is not None and there.is_guaranteed:
                continue
            told.add(path)
            body = _without_field(error.body, path.split("."))
            yield _finding(
                migration,
                "RES-ERROR",
                operation.id,
                path,
                f"{path} may be missing",
                old=cite(migration.old, f"{path} comes", promise.evidence),
                new=cite(
                    migration.new,
                    f"{path} {'may come' if there else 'is not listed'}",
                    bodies[1].evidence,
                ),
                documented=there is None and is_documented(bodies[1].evidence),
                counterexample=Counterexample(operation.id, answer=body),
            )


def _error_body(operation: Operation, status: int) -> Body | None:
    response = operation.response_for(status)
    return response.bodies.get(JSON) if response else None


def _without_field(body: Any, steps: Sequence[str]) -> Any:
    """An error body without one of its members."""
    if not isinstance(body, dict):
        return body
    first, *rest = steps
    if not rest:
        return {name: each for name, each in body.items() if name != first}
    return {
        name: _without_field(each, rest) if name == first else each
        for name, each in body.items()
    }


def transport_findings(migration: Migration) -> Iterator[BreakingChange]:
    """Base URLs, keys, and operations that are elsewhere or nowhere."""
    old, new = migration.old, migration.new
    if old.base_path != new.base_path:
        url = new.dialect.base_url
        yield _transport_finding(
            migration,
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
        yield _transport_finding(
            migration,
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
    for operation in migration.operations:
        yield from _operation_findings(migration, operation)


def _operation_findings(
    migration: Migration, operation: Operation
) -> Iterator[BreakingChange]:
    other = migration.new.operations.get(operation.id)
    here = f"{operation.method} {operation.path}"
    if other is None:
        yield _transport_finding(
            migration,
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
        yield _transport_finding(
            migration,
            "REQ-PATH",
            operation.id,
            operation.path,
            f"{here} is {there}",
            (here, there),
            f"call {there}",
            (operation.evidence.source, other.evidence.source),
        )
    if bool(operation.authentication) != bool(other.authentication):
        needs = "send a bearer token" if other.authentication else "no key is needed"
        yield _transport_finding(
            migration,
            "REQ-AUTH",
            operation.id,
            "Authorization",
            f"{operation.id}: {needs}",
            tuple(
                "wants a bearer token" if each.authentication else "wants no key"
                for each in (operation, other)
            ),
            needs,
            (operation.evidence.source, other.evidence.source),
        )


def _transport_finding(
    migration: Migration,
    rule_id: str,
    operation: str,
    member: str,
    sentence: str,
    texts: tuple[str, ...],
    fix: str,
    sources: tuple[str, ...] = ("", ""),
) -> BreakingChange:
    rule = rules()[rule_id]
    return BreakingChange(
        rule=rule_id,
        severity=rule.severity(member, documented=True),
        operation=operation,
        member=member,
        sentence=sentence,
        old=_cite_source(migration.old, texts[0], sources[0]),
        new=_cite_source(migration.new, texts[1], sources[1]),
        fix=rule.fix.format(member=member, value=fix),
    )


def _cite_source(provider: Provider, text: str, source: str) -> Citation:
    return cite(provider, text, Evidence(source=source) if source else None)
