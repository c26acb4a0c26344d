"""Build one finding per cause from the failed checks of a run."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.judging.causes.cover import explain
from contracts.judging.causes.features import Feature, Scope, features_of
from contracts.judging.causes.signatures import (
    STATUS,
    Signature,
    response_signature,
    signature_of,
)
from contracts.judging.causes.titles import title_of
from contracts.planning.case import Case, Origin
from contracts.planning.request_model import request_models
from contracts.report.model import CheckName, Finding, FindingKind, Outcome, fingerprint
from specs import Provider, State

MAX_MESSAGES = 6  # error messages of one status, beyond which they are one group
Features = tuple[Feature, ...]
FeatureSet = frozenset[Feature]
_MERGED_SCOPES = {
    Scope.VIOLATED_CLAIM,
    Scope.FIELD_TYPE,
    Scope.RANGE,
    Scope.VALUE,
}


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed check of one case."""

    case: Case
    outcome: Outcome
    finding: Finding

    @property
    def status(self) -> int | None:
        """The status of the response; the outcome may have that of another request."""
        if self.finding.rate is None:
            return self.outcome.status
        status: int | None = self.finding.answer["status"]
        return status


@dataclass(slots=True)
class _Cause:
    """
    The failures of one cause.

    Each of `alternatives` explains some of them: values of one field, if there are
    several. There is none if nothing explains them.
    """

    signature: Signature
    alternatives: list[Features]
    failures: list[_Failure] = field(default_factory=list)

    @property
    def key(self) -> Features:
        """The features without the values of a field: these belong together."""
        return tuple(
            replace(each, scope=Scope.FIELD, value="")
            if each.scope in _MERGED_SCOPES
            else each
            for features in self.alternatives[:1]
            for each in features
        )

    def keep_cases(self, cases: Container[str]) -> bool:
        """Remove the failures of other cases; False if none is left."""
        self.failures = [each for each in self.failures if each.case.id in cases]
        return bool(self.failures)

    @property
    def breaks(self) -> bool:
        return any(each.finding.breaks for each in self.failures)

    def explains(self, features: FeatureSet) -> bool:
        return any(features.issuperset(each) for each in self.alternatives)


def causes_of(
    provider: Provider,
    cases: Mapping[str, Case],
    outcomes: Iterable[Outcome],
    evidence: Iterable[tuple[Case, Outcome]] = (),
) -> tuple[Finding, ...]:
    """
    One finding per cause, the most important first.

    `cases` are those of the outcomes, by id. Each finding has the check, claim and
    request of the simplest case with that cause. `evidence` are further cases that tell
    which features matter; they are not counted.
    """
    tested = [
        *(
            (cases[each.case], each)
            for each in outcomes
            if each.case in cases and each.not_tested is None
        ),
        *evidence,
    ]
    if not any(each.findings for _, each in tested):
        return ()  # the features of thousands of cases take a second
    causes: dict[str, _Cause] = {}
    for cause in _Grouper(provider, tested).causes():
        known = causes.setdefault(_fingerprint(provider, cause), cause)
        if known is not cause:
            known.failures += cause.failures
    findings = [
        (_rank(cause), index, _build(provider, cause, name))
        for index, (name, cause) in enumerate(causes.items())
        if cause.keep_cases(cases)
    ]
    return tuple(finding for *_, finding in sorted(findings, key=lambda row: row[:2]))


class _Grouper:
    """The tested cases of a provider, with their features."""

    def __init__(
        self, provider: Provider, tested: Sequence[tuple[Case, Outcome]]
    ) -> None:
        models = request_models(provider)
        self._tested = tested
        self._features = {
            case.id: features_of(
                case, models.get((case.operation, case.media_type or ""))
            )
            for case, _ in tested
        }

    def causes(self) -> Iterator[_Cause]:
        """
        Yield the causes, those of each signature together.

        What makes valid requests fail is explained first. Any other request with the
        features of such a cause and the same response failed for the same reason,
        whatever check of its response failed.
        """
        failures = [
            _Failure(case, outcome, finding)
            for case, outcome in self._tested
            for finding in outcome.findings
        ]
        rejected = _merge_messages(
            _group(each for each in failures if _is_failed_valid_request(each))
        )
        causes = {
            signature: self._explain(signature, group)
            for signature, group in rejected.items()
        }
        others = [each for each in failures if not _is_failed_valid_request(each)]
        left = [each for each in others if not self._attach_by_response(each, causes)]
        for signature, group in _merge_messages(_group(left)).items():
            causes.setdefault(signature, []).extend(self._explain(signature, group))
        for found in causes.values():
            yield from _merge_warnings(found)

    def _attach_by_response(
        self, failure: _Failure, causes: Mapping[Signature, Sequence[_Cause]]
    ) -> bool:
        signature = response_signature(failure.finding, failure.status)
        known = causes.get(signature) or causes.get(replace(signature, detail=""), ())
        return self._attach(failure, known)

    def _explain(
        self, signature: Signature, failures: Sequence[_Failure]
    ) -> list[_Cause]:
        """
        Explain the failures of one signature.

        Planned cases are explained before generated ones, and valid requests before
        others; a failure that an earlier cause explains belongs to that cause.
        """
        causes: dict[Features, _Cause] = {}
        rounds: dict[tuple[bool, bool], list[_Failure]] = {}
        for failure in failures:
            is_valid = failure.case.expectation is State.VALID
            key = (failure.case.is_generated, not is_valid)
            rounds.setdefault(key, []).append(failure)
        failing = {each.case.id for each in failures}
        for _, group in sorted(rounds.items()):
            left = [each for each in group if not self._attach(each, causes.values())]
            passing = set(self._passing(signature, left, failing))
            features = [self._features[each.case.id] for each in left]
            for explanation in explain(features, passing):
                alternatives = [explanation.features] if explanation.features else []
                cause = causes.setdefault(
                    explanation.features, _Cause(signature, alternatives)
                )
                cause.failures += [left[index] for index in explanation.failing]
        merged = list(_merge_values(causes.values()))
        if signature.check == STATUS or len(merged) < 2:
            return merged
        # One check of the content of responses is one cause, however it varies.
        failures = [each for cause in merged for each in cause.failures]
        return [_Cause(signature, [], failures)]

    def _attach(self, failure: _Failure, causes: Iterable[_Cause]) -> bool:
        """Add a failure to the first cause that explains it; False if none does."""
        features = self._features[failure.case.id]
        for cause in causes:
            if cause.explains(features):
                cause.failures.append(failure)
                return True
        return False

    def _passing(
        self, signature: Signature, failures: Sequence[_Failure], failing: set[str]
    ) -> Iterator[FeatureSet]:
        """
        Yield the features of the cases that passed the same check.

        Only cases of the same expectation count: a server that rejects an invalid
        request may not get to where a valid one fails. Remembered cases do not count,
        so that the causes are the same in each run.
        """
        expectations = {each.case.expectation for each in failures}
        kinds = {each.finding.kind for each in failures}
        for case, outcome in self._tested:
            if (
                case.id not in failing
                and case.expectation in expectations
                and (case.generator or case.origin) is not Origin.REMEMBERED
                and _has_passed(signature, kinds, case, outcome)
            ):
                yield self._features[case.id]


def _has_passed(
    signature: Signature, kinds: set[FindingKind], case: Case, outcome: Outcome
) -> bool:
    """True if a response could have failed the check of a signature, and did not."""
    status = outcome.status
    if status is None:
        return False
    if signature.check == STATUS:
        if case.expectation is State.VALID:
            return 200 <= status < 300
        if case.expectation is State.INVALID:
            return 400 <= status < 500
        return status < 500
    if FindingKind.WRONG_ERROR in kinds:
        return status >= 400
    return 200 <= status < 300 and case.expected_error is None


def _is_failed_valid_request(failure: _Failure) -> bool:
    return failure.finding.check in {CheckName.VALID_IS_ACCEPTED, CheckName.ANSWERS}


def _group(failures: Iterable[_Failure]) -> dict[Signature, list[_Failure]]:
    groups: dict[Signature, list[_Failure]] = {}
    for failure in failures:
        signature = signature_of(failure.finding, failure.status)
        groups.setdefault(signature, []).append(failure)
    return groups


def _merge_messages(
    groups: Mapping[Signature, list[_Failure]],
) -> dict[Signature, list[_Failure]]:
    """Merge the groups of one status if its error messages vary too much."""
    messages = Counter(each.status for each in groups if each.check == STATUS)
    merged: dict[Signature, list[_Failure]] = {}
    for signature, failures in groups.items():
        is_varied = signature.check == STATUS and (
            messages[signature.status] > MAX_MESSAGES
        )
        key = replace(signature, detail="") if is_varied else signature
        merged.setdefault(key, []).extend(failures)
    return merged


def _merge_values(causes: Iterable[_Cause]) -> Iterator[_Cause]:
    """Merge causes that name values of the same field; yield the widest first."""
    merged: dict[Features, _Cause] = {}
    for cause in causes:
        known = merged.setdefault(cause.key, cause)
        if known is not cause:
            known.alternatives += cause.alternatives
            known.failures += cause.failures
    yield from sorted(merged.values(), key=lambda each: -len(each.failures))


def _merge_warnings(causes: Sequence[_Cause]) -> Iterator[_Cause]:
    """
    Merge warnings into the first failing cause of the same signature.

    A response that fails documented claims is no news for unspecified requests.
    """
    failing = [each for each in causes if each.breaks]
    for cause in causes:
        if failing and not cause.breaks and cause.signature.check == STATUS:
            failing[0].failures += cause.failures
        else:
            yield cause


def _fingerprint(provider: Provider, cause: _Cause) -> str:
    """The id of a cause; it does not depend on messages and on single values."""
    signature = cause.signature
    detail = "" if signature.check == STATUS else signature.detail
    key = [f"{each.scope.name} {each.subject} {each.value}" for each in cause.key]
    key += ["varies"] if signature.varies else []
    return fingerprint(
        provider.id, signature.check, str(signature.status), detail, *key
    )


def _rank(cause: _Cause) -> tuple[int, ...]:
    """Failures before warnings, whole operations and every success first."""
    scopes = [each.scope for features in cause.alternatives for each in features]
    is_whole = bool(scopes) and max(scopes) <= Scope.FAULT
    is_valid = any(each.case.expectation is State.VALID for each in cause.failures)
    level = 2
    if is_whole and is_valid:
        level = 0 if cause.signature.check == STATUS else 1
    return (not cause.breaks, level, -len({each.case.id for each in cause.failures}))


def _build(provider: Provider, cause: _Cause, name: str) -> Finding:
    order = list(provider.all_operations)
    shown = min(cause.failures, key=lambda each: _complexity(each, order))
    findings = [each.finding for each in cause.failures]
    claims = dict.fromkeys(
        each.claim for each in sorted(findings, key=lambda each: not each.breaks)
    )
    also = dict.fromkeys(each for one in findings for each in one.also_seen_by)
    title = title_of(
        cause.signature,
        cause.alternatives,
        shown.finding,
        [each.case for each in cause.failures],
    )
    return replace(
        shown.finding,
        provider=provider.id,
        fingerprint=name,
        flaky=all(each.flaky for each in findings),
        also_seen_by=tuple(also),
        title=f"{title}, but not each time" if cause.signature.varies else title,
        cases=len({each.case.id for each in cause.failures}),
        claims=tuple(claims),
        members=tuple(dict.fromkeys(each.fingerprint for each in findings)),
    )


def _complexity(failure: _Failure, operations: Sequence[str]) -> tuple[int, ...]:
    """Failed claims first, then valid and planned requests, early operations, short."""
    case = failure.case
    return (
        not failure.finding.breaks,
        case.expectation is not State.VALID,
        case.is_generated,
        operations.index(case.operation),
        len(case.payload) if case.is_payload_only else 1,
    )
