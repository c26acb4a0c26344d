"""Responses of the new provider that differ from those of the old one."""

from collections.abc import Iterator, Sequence
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
from contracts.compare.migration.responses.fields import (
    ResponseField,
    response_fields,
    schema_or_empty,
)
from contracts.compare.migration.responses.findings import build_finding
from contracts.compare.migration.rules import Severity, rules
from contracts.media.registry import medium_of
from contracts.planning.request_model import RequestModel
from contracts.planning.values.boundary_values import boundary_values
from contracts.planning.values.field_values import all_of_parts, types_of
from specs import EVENT_STREAM, JSON, Delivery, Judge

UNKNOWN_VALUE = "imageparity"
_FORMS = {
    "url": "a URL in `{}`",
    "b64_json": "base64 in `{}`",
    "data_uri": "a data URI in `{}`",
}
_RULE_BY_KEYWORD = {
    **dict.fromkeys(("enum", "const"), "RES-ENUM"),
    "type": "RES-TYPE",
}


def findings(
    body_pair: BodyPair, accepted: Sequence[Payload]
) -> Iterator[BreakingChange]:
    """Compare the responses to requests that both providers accept."""
    valid = [each for each in accepted if not _is_streaming(body_pair.old, each)]
    if valid:
        yield from _delivery_findings(body_pair, valid)
        yield from _field_findings(body_pair, valid[0])
        yield from _contradictions(body_pair, valid)
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
    """Find each different delivery of images, by the dialects."""
    sides = (body_pair.old.operation.layout, body_pair.new.operation.layout)
    seen: set[tuple[str, str, bool]] = set()
    for payload in accepted:
        old = _delivery_for(body_pair.old, payload)
        new = _delivery_for(body_pair.new, body_pair.with_new_names(payload))
        before, after = sides[0].field_names(old.give), sides[1].field_names(new.give)
        is_same_form = old.give == new.give
        key = before, after, is_same_form
        if (before == after and is_same_form) or key in seen:
            continue
        seen.add(key)
        yield from _changed_delivery_findings(
            body_pair, payload, (old, new), (before, after)
        )


def _delivery_for(request_model: RequestModel, payload: Payload) -> Delivery:
    return request_model.provider.dialect.delivery_for(
        _canonical_payload(request_model, payload)
    )


def _changed_delivery_findings(
    body_pair: BodyPair,
    payload: Payload,
    deliveries: tuple[Delivery, Delivery],
    paths: tuple[str, str],
) -> Iterator[BreakingChange]:
    """`deliveries` and `paths`, the fields with an image, are the old and the new."""
    old, new = deliveries
    before, after = paths
    words = [
        _FORMS[each.give].format(_shown_path(path))
        for path, each in zip(paths, deliveries, strict=True)
    ]
    evidences = (old.evidence, new.evidence)
    documented = is_documented(evidences[1])
    client = body_pair.migration.client
    sentences = [
        cite(side.provider, f"images come as {text}", evidence)
        for side, text, evidence in zip(
            (body_pair.old, body_pair.new), words, evidences, strict=True
        )
    ]
    found = []
    if before != after:
        other = f"; use {words[1]}"
        fix = rules()["RES-MISSING"].fix.format(field=before, value=other)
        found.append(("RES-MISSING", before, fix))
    if new.give == "data_uri" != old.give:
        name = _shown_path(after)
        fix = f"decode the text after `;base64,` in `{name}`, and do not fetch it"
        found.append(("RES-FORMAT", after, fix))
    for id_, field_name, fix in found:
        # Code that reads base64 does not fetch URLs, so nothing certainly breaks.
        reads = id_ != "RES-FORMAT" or old.give == "url"
        severity = rules()[id_].severity(field_name, documented=documented and reads)
        if client and client.pictures is not None:
            can = new.give in client.pictures
            severity = Severity.INFO if can else severity
        change = "is a data URI" if id_ == "RES-FORMAT" else "is missing"
        yield BreakingChange(
            rule=id_,
            severity=severity,
            operation=body_pair.operation,
            member=field_name,
            sentence=f"{field_name} {change}: the image comes as {words[1]}",
            old=sentences[0],
            new=sentences[1],
            fix=fix,
            witness=build_counterexample(body_pair.migration, body_pair.old, payload),
            media_types=(body_pair.old.body.media_type,),
        )


def _shown_path(path: str) -> str:
    """A field of an entry in `data` by its name alone, another one with its path."""
    return path.removeprefix("data[].")


def _field_findings(body_pair: BodyPair, payload: Payload) -> Iterator[BreakingChange]:
    """Find response fields that are missing, wider or new."""
    bodies = [
        side.operation.success.bodies.get(JSON)
        for side in (body_pair.old, body_pair.new)
    ]
    if bodies[0] is None or bodies[1] is None:
        return
    before = response_fields(bodies[0], _canonical_payload(body_pair.old, payload))
    after = response_fields(
        bodies[1], _canonical_payload(body_pair.new, body_pair.with_new_names(payload))
    )
    counterexample = build_counterexample(body_pair.migration, body_pair.old, payload)
    missing_prefixes: set[str] = set()
    deliveries = {
        side.operation.layout.field_names(form)
        for side in (body_pair.old, body_pair.new)
        for form in _FORMS
    }
    for path, field in before.items():
        there = after.get(path)
        if path in deliveries or any(
            path.startswith(each) for each in missing_prefixes
        ):
            pass
        elif there is None or (
            field.is_guaranteed and not there.is_guaranteed and path != "data"
        ):
            missing_prefixes |= {f"{path}.", f"{path}[]."}
            yield _missing_field_finding(
                body_pair.migration, body_pair.operation, field, there, counterexample
            )
        else:
            yield from _wider_value_findings(
                body_pair.migration, body_pair.operation, field, there
            )
    for path, field in after.items():
        parent = path.rpartition(".")[0].removesuffix("[]")
        if (
            path not in before
            and path not in deliveries
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
                new=cite(body_pair.migration.new, f"{path} may come", field.evidence),
                documented=is_documented(field.evidence),
                counterexample=counterexample,
            )


def _missing_field_finding(
    migration: Migration,
    operation: str,
    old_field: ResponseField,
    new_field: ResponseField | None,
    counterexample: Counterexample,
) -> BreakingChange:
    body = migration.new_operations[operation].success
    path = old_field.path
    word = "comes" if old_field.is_guaranteed else "may come"
    evidence = new_field.evidence if new_field else body.evidence
    here = f"{path} may come" if new_field else f"{path} is not listed"
    return build_finding(
        migration,
        "RES-MISSING",
        operation,
        path,
        f"{path} is not guaranteed" if new_field else f"{path} is not listed",
        old=cite(migration.old, f"{path} {word}", old_field.evidence),
        new=cite(migration.new, here, evidence),
        documented=new_field is None
        and old_field.is_guaranteed
        and is_documented(old_field.evidence),
        counterexample=counterexample,
    )


def _wider_value_findings(
    migration: Migration, operation: str, old: ResponseField, new: ResponseField
) -> Iterator[BreakingChange]:
    """Find a value that only the new provider can send."""
    if types_of(new.schema) in (["object"], ["array"]):
        return  # the fields inside are compared one by one
    before, after = (
        Judge(schema_or_empty(each.schema), open=True) for each in (old, new)
    )
    role = new.path.rpartition(".")[2]
    schemas = [*all_of_parts(new.schema), *all_of_parts(old.schema)]
    values = [
        each.value
        for each in boundary_values(
            schemas,
            [],
            is_form=False,
            canonical_name=role,
            samples=medium_of(migration.new_operations[operation]).samples,
        )
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
    """Find values that a request may have and a response cannot repeat."""
    body = body_pair.new.operation.success.bodies.get(JSON)
    if body is None:
        return
    seen: set[str] = set()
    if not any("enum" in schema_or_empty(each) for each in body.properties.values()):
        return
    for payload in accepted:
        canonical = _canonical_payload(body_pair.new, body_pair.with_new_names(payload))
        for path, field in response_fields(body, canonical).items():
            value = canonical.get(path)
            listed = schema_or_empty(field.schema).get("enum")
            if path in seen or not listed or value in (None, "auto"):
                continue
            if not Judge(field.schema, open=True).is_valid(value):
                seen.add(path)
                words = ", ".join(map(str, listed))
                yield build_finding(
                    body_pair.migration,
                    "DOC-SELF",
                    body_pair.operation,
                    path,
                    f"{path} = {shorten(value)} is valid in a request, "
                    f"but not in the response",
                    old=cite(body_pair.migration.old, "not affected"),
                    new=cite(
                        body_pair.migration.new, f"{path}: {words}", field.evidence
                    ),
                    documented=True,
                    counterexample=build_counterexample(
                        body_pair.migration, body_pair.old, payload
                    ),
                )


def _stream_findings(body_pair: BodyPair) -> Iterator[BreakingChange]:
    """Find an event stream that only the old provider documents."""
    old, new = body_pair.old, body_pair.new
    name = old.wire_name("stream")
    if name is None or not old.operation.supports_streaming or not body_pair.uses(name):
        return
    candidates = (
        body_pair.prepare_payload({**each, name: True})
        for each in body_pair.minimal_requests
    )
    payload = next(filter(body_pair.may_send, candidates), None)
    if payload is None:
        return
    events = old.operation.success.bodies[EVENT_STREAM]
    if new.operation.supports_streaming:
        yield from _event_findings(body_pair, payload)
        return
    yield build_finding(
        body_pair.migration,
        "RES-MEDIA",
        body_pair.operation,
        name,
        "no event stream is documented",
        old=cite(
            body_pair.migration.old, "responds with an event stream", events.evidence
        ),
        new=cite(
            body_pair.migration.new,
            f"responds with {', '.join(new.operation.success.bodies)}",
            new.operation.success.evidence,
        ),
        documented=True,
        counterexample=build_counterexample(
            body_pair.migration, body_pair.old, payload
        ),
    )


def _event_findings(body_pair: BodyPair, payload: Payload) -> Iterator[BreakingChange]:
    """Find missing events and missing fields of events."""
    before, after = (
        side.operation.success.bodies[EVENT_STREAM].events
        for side in (body_pair.old, body_pair.new)
    )
    counterexample = build_counterexample(body_pair.migration, body_pair.old, payload)
    for type_, event in before.items():
        here = response_fields(event, None)
        there = response_fields(after[type_], None) if type_ in after else {}
        guaranteed = [
            each
            for each in here.values()
            if each.is_guaranteed and "." not in each.path
        ]
        for field in guaranteed:
            match = there.get(field.path)
            if match is not None and match.is_guaranteed:
                continue
            if type_ not in after and field.path != "type":
                continue  # the whole event is missing: one finding is enough
            name = type_ if type_ not in after else f"{type_}: {field.path}"
            yield build_finding(
                body_pair.migration,
                "RES-MISSING",
                body_pair.operation,
                name,
                f"{name} is not guaranteed",
                old=cite(body_pair.migration.old, f"{name} comes", field.evidence),
                new=cite(
                    body_pair.migration.new,
                    f"{name} {'may come' if match else 'is not listed'}",
                    body_pair.new.operation.success.evidence,
                ),
                documented=match is None and is_documented(field.evidence),
                counterexample=counterexample,
            )
