"""Verdicts on a feature at one server, from its responses alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.compare.servers.intents import LONG_PROMPT_LENGTH
from contracts.compare.servers.model import ParameterVerdict
from contracts.compare.servers.observed_aspects import (
    ASPECT_OF_PARAMETER,
    BROKEN,
    ObservedAnswer,
    Result,
    pair_violations,
    relevant_token_count,
)
from contracts.compare.servers.session import Skipped, TargetSession
from contracts.compare.servers.translation import (
    Intent,
    NotTranslatable,
    Translation,
    is_invalid_request,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.media.aspect import AS_ASKED, AspectValue
from contracts.planning.values.field_values import format_value
from specs import Provider

UNOBSERVABLE_PARAMETERS = {"user", "moderation"}
# Fields with an effect that shows even if no two images of a server are equal.
OBSERVABLE_WITHOUT_DETERMINISM = {"output_compression", "mask"}
IDENTICAL_IMAGE = "an identical image"
NOT_DECODED = "accepted; none of its images was fetched and decoded"
QUALITY_ECHO = "quality said"  # the aspect that no image is needed for


@dataclass(frozen=True, slots=True)
class VerdictEvidence:
    """
    The responses that a verdict is made from.

    `outcome` is the response to the request under test, `plain` to the minimal
    request, `reference` to the intent's reference. The last two are None if there is
    no response. `is_deterministic` is true if the server gives the same image for
    the same request, `is_invalid_request` if no document allows the request.
    """

    translation: Translation
    outcome: ObservedAnswer
    plain: ObservedAnswer | None
    reference: ObservedAnswer | None
    is_deterministic: bool
    is_invalid_request: bool


def verdict_at(
    session: TargetSession, intent: Intent, providers: Sequence[Provider]
) -> ParameterVerdict:
    """
    The verdict of one server on the feature of an intent.

    `providers` are those of all servers. The verdict is None for a combination of
    fields, and UNTESTED, with the reason, if there is no response.
    """
    outcome = session.outcome(intent)
    translation = session.translation_of(intent)
    if isinstance(translation, NotTranslatable):
        return _untested(translation)
    if outcome is None or isinstance(outcome, Skipped):
        return _untested(outcome.reason if outcome else "not sent")
    if not intent.feature:
        return ParameterVerdict(None)
    return verdict_for(
        VerdictEvidence(
            translation,
            outcome,
            plain=session.answer(Intent(intent.operation)),
            reference=session.answer(intent.reference),
            is_deterministic=session.determinism.get(intent.operation, False),
            is_invalid_request=is_invalid_request(intent, providers),
        )
    )


def verdict_for(evidence: VerdictEvidence) -> ParameterVerdict:
    """The verdict on the feature of a request that has a response."""
    translation, outcome = evidence.translation, evidence.outcome
    if outcome.result is not Result.ACCEPTED:
        is_rejected_badly = outcome.result is Result.REFUSED_BADLY
        verdict = (
            FeatureVerdict.REFUSED_BADLY
            if is_rejected_badly
            else FeatureVerdict.REFUSED
        )
        return ParameterVerdict(verdict, str(outcome.status or ""), outcome.summary)
    found = _verdict_if_accepted(evidence)
    feature = translation.intent.feature
    if found.verdict is FeatureVerdict.HONOURED and not _is_shown(outcome, feature):
        return _untested(NOT_DECODED)
    wire_name = translation.wire_names.get(feature, feature)
    if found.verdict is FeatureVerdict.HONOURED and wire_name != feature:
        return ParameterVerdict(
            FeatureVerdict.RENAMED, wire_name, found.note, found.responds
        )
    return found


def _is_shown(outcome: ObservedAnswer, feature: str) -> bool:
    """True if an image was decoded, or the response repeats the value of a field."""
    is_echo = ASPECT_OF_PARAMETER.get(feature) == QUALITY_ECHO
    return "format" in outcome.aspects or (is_echo and QUALITY_ECHO in outcome.aspects)


def _untested(reason: str) -> ParameterVerdict:
    return ParameterVerdict(FeatureVerdict.UNTESTED, note=reason)


def _verdict_if_accepted(evidence: VerdictEvidence) -> ParameterVerdict:
    intent, outcome = evidence.translation.intent, evidence.outcome
    aspect = outcome.aspects.get(ASPECT_OF_PARAMETER.get(intent.feature, ""))
    if aspect is not None:
        return _verdict_from_aspect(evidence, aspect)
    if evidence.is_invalid_request:
        return ParameterVerdict(FeatureVerdict.IGNORED, note="accepted")
    if intent.feature not in dict(intent.fields):
        return _verdict_without_field(outcome)
    if intent.feature in UNOBSERVABLE_PARAMETERS:
        return _untested("accepted; no response can show an effect of this field")
    if intent.value == "auto":
        return ParameterVerdict(FeatureVerdict.HONOURED)
    return _verdict_from_comparison(evidence)


def _verdict_from_aspect(
    evidence: VerdictEvidence, aspect: AspectValue
) -> ParameterVerdict:
    """The verdict on a field that the response itself shows an effect of."""
    intent, actual, note = evidence.translation.intent, aspect.text, aspect.note
    if intent.feature == "partial_images":
        return _partial_images_verdict(intent, int(actual))
    is_as_asked = actual == _expected_text(intent) or aspect.category == AS_ASKED
    if intent.value == "auto" or is_as_asked:
        return ParameterVerdict(FeatureVerdict.HONOURED, actual)
    plain, name = evidence.plain, ASPECT_OF_PARAMETER[intent.feature]
    without_field = plain.aspects.get(name) if plain is not None else None
    if without_field is not None and without_field.text == actual:
        return ParameterVerdict(FeatureVerdict.IGNORED, actual, note)
    return ParameterVerdict(FeatureVerdict.ALTERED, actual, note)


def _expected_text(intent: Intent) -> str:
    return "a stream" if intent.value is True else str(intent.value)


def _partial_images_verdict(intent: Intent, actual: int) -> ParameterVerdict:
    """HONOURED also for fewer partial images than requested, except for none."""
    if actual > intent.value:
        return ParameterVerdict(FeatureVerdict.ALTERED, str(actual))
    if actual == 0 and intent.value:
        return ParameterVerdict(FeatureVerdict.IGNORED, "0")
    return ParameterVerdict(FeatureVerdict.HONOURED, str(actual))


def _verdict_without_field(outcome: ObservedAnswer) -> ParameterVerdict:
    """The verdict on a feature that is no field: HONOURED if there are valid images."""
    decodes = outcome.aspects["decodes"]
    if decodes.category == BROKEN:
        return ParameterVerdict(FeatureVerdict.ALTERED, note=decodes.note)
    if "format" in outcome.aspects:
        return ParameterVerdict(FeatureVerdict.HONOURED)
    if outcome.aspects["pictures"].text == "0":
        return ParameterVerdict(FeatureVerdict.ALTERED, note="no image in the response")
    return _untested(NOT_DECODED)


def _verdict_from_comparison(evidence: VerdictEvidence) -> ParameterVerdict:
    """The verdict on a field with an effect that only two responses can show."""
    outcome, reference = evidence.outcome, evidence.reference
    feature = evidence.translation.intent.feature
    if (
        outcome.first_image is None
        or reference is None
        or reference.first_image is None
    ):
        return _untested("accepted; there is no second image to compare with")
    violations = pair_violations(feature, outcome, reference)
    if outcome.first_image == reference.first_image:
        return ParameterVerdict(FeatureVerdict.IGNORED, IDENTICAL_IMAGE, responds=False)
    if violations:
        return ParameterVerdict(
            FeatureVerdict.ALTERED, note=violations[0], responds=False
        )
    if (
        _token_counts_differ(outcome, reference, feature)
        or evidence.is_deterministic
        or feature in OBSERVABLE_WITHOUT_DETERMINISM
    ):
        return ParameterVerdict(FeatureVerdict.HONOURED, responds=True)
    return _untested("accepted; its images always differ, so they show no effect")


def _token_counts_differ(
    outcome: ObservedAnswer, reference: ObservedAnswer, feature: str
) -> bool:
    counts = [relevant_token_count(each, feature) for each in (outcome, reference)]
    return None not in counts and counts[0] != counts[1]


def requested_value(intent: Intent) -> str:
    """The requested value of the feature as a table shows it; "" if it has none."""
    if intent.label or intent.feature not in dict(intent.fields):
        return ""
    value = intent.value
    if intent.feature == "prompt":
        if not value.isascii():
            return "not ASCII"
        is_short = len(value) < LONG_PROMPT_LENGTH
        return "another" if is_short else f"{len(value)} characters"
    return value if isinstance(value, str) else format_value(value)
