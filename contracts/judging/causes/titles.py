"""Word the title of a finding: which requests fail, and how."""

from collections.abc import Sequence

from contracts.judging.causes.features import Feature, Scope
from contracts.judging.causes.signatures import STATUS, Signature, error_message
from contracts.planning.case import Case, Origin
from contracts.planning.values.field_values import format_value
from contracts.report.model import Finding, FindingKind
from contracts.text import join_some, one_line, pluralize
from specs import State

MAX_VALUES = 4  # that are listed
MAX_OPERATIONS = 3  # that are listed
MAX_VALUE_LENGTH = 40  # characters
MAX_TITLE_LENGTH = 240  # characters
_FAULTS = {
    Origin.AUTH: "without a valid API key",
    Origin.MALFORMED: "with a malformed body",
    Origin.TRANSPORT: "with another method or path",
    "body": "with an invalid body",
    "field": "with an invalid field",
}
_PHRASES = {
    Scope.ANY: "",
    Scope.OPERATION: "",
    Scope.MEDIA_TYPE: "as {subject}",
    Scope.VIOLATED_FIELD: "with an invalid `{subject}`",
    Scope.FIELD: "with `{subject}`",
    Scope.VIOLATED_CLAIM: "with an invalid `{subject}` ({value})",
    Scope.VIOLATED_KEYWORD: "that violates a `{subject}`",
    Scope.FIELD_TYPE: "with `{subject}` as {value}",
    Scope.ANY_FIELD_TYPE: "with a field as {value}",
    Scope.RANGE: "with `{subject}` {value}",
    Scope.VALUE: "with `{subject}` {value}",
    Scope.ABSENT: "without `{subject}`",
    Scope.OTHER_VALUE: "without `{subject}` {value}",
}


def title_of(
    signature: Signature,
    alternatives: Sequence[Sequence[Feature]],
    shown: Finding,
    cases: Sequence[Case],
) -> str:
    """
    One sentence, such as "Every createImageEdit request with `mask` gets status 500".

    `shown` is the finding of the simplest of the failing `cases`. Values of a field
    that fail alike are listed.
    """
    subject = _subject(alternatives, cases)
    if signature.check == STATUS and _is_unserved(alternatives, cases):
        subject = f"{cases[0].operation} is not served: every request"
    is_plural = not alternatives and len({each.id for each in cases}) > 1
    be, get, fail = ("are", "get", "fail") if is_plural else ("is", "gets", "fails")
    message = error_message(shown)
    asked = shown.claim.partition("/")[0]
    example = next((each for each in cases if each.id == shown.case), cases[0])
    is_later = example.follow is not None and asked != example.operation
    if signature.check != STATUS:
        title = f"{subject}: {shown.message}"
    elif is_later:
        title = f"{subject}: {asked} gets {shown.message}"
    elif shown.kind is FindingKind.ACCEPTS_INVALID:
        title = f"{subject} {be} accepted{_values(alternatives, cases)}"
    elif signature.status == 0:
        title = f"{subject} {get} no complete response: {shown.message}"
    elif signature.status >= 500:
        title = f"{subject} {fail} with status {signature.status}: {message}"
    elif shown.kind is FindingKind.REJECTS_VALID:
        title = f"{subject} {be} rejected with status {signature.status}: {message}"
    else:
        title = f"{subject} {get} status {signature.status}: {message}"
    title = one_line(title)
    if len(title) > MAX_TITLE_LENGTH:
        title = f"{title[: MAX_TITLE_LENGTH - 1]}…"
    return title


def _is_unserved(
    alternatives: Sequence[Sequence[Feature]], cases: Sequence[Case]
) -> bool:
    scopes = [[each.scope for each in features] for features in alternatives]
    is_valid = any(each.expectation is State.VALID for each in cases)
    return scopes == [[Scope.OPERATION]] and is_valid


def _subject(alternatives: Sequence[Sequence[Feature]], cases: Sequence[Case]) -> str:
    distinct = {each.id: each for each in cases}
    operations = dict.fromkeys(each.operation for each in distinct.values())
    words = [*operations] if len(operations) == 1 else []
    features = [each for features in alternatives for each in features]
    is_invalid = all(each.expectation is State.INVALID for each in distinct.values())
    if is_invalid and all(each.scope not in _INVALID_SCOPES for each in features):
        words.insert(0, "invalid")
    nouns = [*words, "request"]
    if all(each.follow is not None for each in distinct.values()):
        nouns = ["task", *(f"of {each}" for each in words)]
    if not features:
        plural = f"{nouns[0]}s {' '.join(nouns[1:])}".strip()
        return (
            f"{len(distinct)} {plural}"
            if nouns[0] == "task" and len(distinct) > 1
            else pluralize(len(distinct), " ".join(nouns))
        )
    phrases = [_phrase(each) for each in alternatives[0]]
    if len(alternatives) > 1:
        phrases = [_merged_phrase(alternatives)]
    if len(operations) > 1 and all(each.scope is not Scope.ANY for each in features):
        nouns.append(f"to {join_some([*operations], MAX_OPERATIONS)}")
    return " ".join(["Every", *nouns, *filter(None, phrases)])


_INVALID_SCOPES = {
    Scope.FAULT,
    Scope.VIOLATED_FIELD,
    Scope.VIOLATED_CLAIM,
    Scope.VIOLATED_KEYWORD,
}


def _phrase(feature: Feature) -> str:
    if feature.scope is Scope.FAULT:
        return _FAULTS[feature.subject]
    if feature.subject in _FAULTS:
        label = feature.value.replace("-", " ")
        return f"{_FAULTS[feature.subject]} ({label})"
    return _PHRASES[feature.scope].format(subject=feature.subject, value=feature.value)


def _merged_phrase(alternatives: Sequence[Sequence[Feature]]) -> str:
    """The phrase of the field that all alternatives are about, with its values."""
    varying = [
        next((each for each in features if each.value), features[-1])
        for features in alternatives
    ]
    first = varying[0]
    values = list(dict.fromkeys(each.value for each in varying))
    listed = join_some(values, MAX_VALUES)
    if first.scope is Scope.VIOLATED_CLAIM and first.subject not in _FAULTS:
        return f"with an invalid `{first.subject}` ({listed})"
    if first.subject in _FAULTS:
        return f"{_FAULTS[first.subject]} ({listed.replace('-', ' ')})"
    return f"with `{first.subject}` {listed}"


def _values(alternatives: Sequence[Sequence[Feature]], cases: Sequence[Case]) -> str:
    """`: 0, 11`: the values of the field that all alternatives are about."""
    subjects = {
        each.subject
        for features in alternatives
        for each in features
        if each.scope is not Scope.OPERATION
    }
    if len(subjects) != 1:
        return ""
    (name,) = subjects
    texts = dict.fromkeys(
        format_value(each.payload[name])
        for each in cases
        if each.is_payload_only and name in each.payload
    )
    short = [each for each in texts if len(each) <= MAX_VALUE_LENGTH]
    if not short:
        return ""
    more = len(texts) - len(short[:MAX_VALUES])
    listed = [*short[:MAX_VALUES], f"{more} more"] if more else short[:MAX_VALUES]
    return f": {', '.join(listed)}"
