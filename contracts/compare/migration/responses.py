"""Answers that the one provider gives and the other does not, and so their readers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.compare.migration.counterexamples import build_counterexample
from contracts.compare.migration.model import (
    BodyPair,
    BreakingChange,
    Counterexample,
    Migration,
    Payload,
    cite,
    is_documented,
    shorten,
)
from contracts.compare.migration.response_fields import (
    ResponseField,
    response_fields,
    schema_or_empty,
)
from contracts.compare.migration.response_findings import build_finding
from contracts.compare.migration.rules import Severity, rules
from contracts.planning.boundary_values import boundary_values
from contracts.planning.case import JSON
from contracts.planning.request_model import RequestModel
from contracts.planning.values import all_of_parts, types_of
from specs import Evidence, Judge

UNKNOWN_VALUE = "imageparity"
DELIVERY_PATHS = {"data[].url", "data[].b64_json"}
_RULE_BY_KEYWORD = {
    **dict.fromkeys(("enum", "const"), "RES-ENUM"),
    "type": "RES-TYPE",
}


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
    before = response_fields(bodies[0], _canonical_payload(body_pair.old, payload))
    after = response_fields(
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
            yield build_finding(
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
    old_member: ResponseField,
    new_member: ResponseField | None,
    counterexample: Counterexample,
) -> BreakingChange:
    body = migration.new.operations[operation].success
    path = old_member.path
    word = "comes" if old_member.is_guaranteed else "may come"
    evidence = new_member.evidence if new_member else body.evidence
    here = f"{path} may come" if new_member else f"{path} is not listed"
    return build_finding(
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
    migration: Migration, operation: str, old: ResponseField, new: ResponseField
) -> Iterator[BreakingChange]:
    """A value that the new provider may send and the old one could not."""
    if types_of(new.schema) in (["object"], ["array"]):
        return  # its members are held against each other, one by one
    before, after = (
        Judge(schema_or_empty(each.schema), open=True) for each in (old, new)
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
            yield build_finding(
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


def _contradictions(
    body_pair: BodyPair, accepted: Sequence[Payload]
) -> Iterator[BreakingChange]:
    """What may be asked for and cannot be repeated by the same page's answer."""
    body = body_pair.new.operation.success.bodies.get(JSON)
    if body is None:
        return
    seen: set[str] = set()
    if not any("enum" in schema_or_empty(each) for each in body.properties.values()):
        return
    for payload in accepted:
        asked = _canonical_payload(body_pair.new, body_pair.with_new_names(payload))
        for path, promise in response_fields(body, asked).items():
            value = asked.get(path)
            listed = schema_or_empty(promise.schema).get("enum")
            if path in seen or not listed or value in (None, "auto"):
                continue
            if not Judge(promise.schema, open=True).is_valid(value):
                seen.add(path)
                words = ", ".join(map(str, listed))
                yield build_finding(
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
    yield build_finding(
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
        here = response_fields(event, None)
        there = response_fields(after[type_], None) if type_ in after else {}
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
            yield build_finding(
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
