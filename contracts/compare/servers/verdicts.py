"""What became of a feature at one target: a verdict, from deeds alone."""

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
from contracts.compare.servers.translation import Intent, Translation
from contracts.judging.outcome import FeatureVerdict
from contracts.planning.values import format_value

UNOBSERVABLE_PARAMETERS = {"user", "moderation"}
# Two levels of compression, or a mask, show in pictures that are never alike too.
OBSERVABLE_WITHOUT_DETERMINISM = {"output_compression", "mask"}
IDENTICAL_IMAGE = "the very same picture"


@dataclass(frozen=True, slots=True)
class VerdictEvidence:
    """
    What a verdict rests on: the answer to the question, to the plain one, and to the
    one that differs in the feature alone, each None where there was none.

    `repeats` is whether the target gives the same picture to the same question;
    `is_fault` whether the question is one that no document allows.
    """

    translation: Translation
    outcome: ObservedAnswer
    plain: ObservedAnswer | None
    reference: ObservedAnswer | None
    is_deterministic: bool
    is_invalid_request: bool


def untested_verdict(reason: str) -> ParameterVerdict:
    return ParameterVerdict(FeatureVerdict.UNTESTED, note=reason)


def verdict_for(evidence: VerdictEvidence) -> ParameterVerdict:
    """The verdict on the feature that a question is about."""
    spoken, outcome = evidence.translation, evidence.outcome
    if outcome.result is Result.REFUSED_BADLY:
        return ParameterVerdict(
            FeatureVerdict.REFUSED_BADLY, str(outcome.status or ""), outcome.summary
        )
    if outcome.result is Result.REFUSED:
        return ParameterVerdict(
            FeatureVerdict.REFUSED, str(outcome.status), outcome.summary
        )
    found = _verdict_if_accepted(evidence)
    about = spoken.intent.feature
    own = spoken.wire_names.get(about, about)
    if found.verdict is FeatureVerdict.HONOURED and own != about:
        return ParameterVerdict(FeatureVerdict.RENAMED, own, found.note, found.responds)
    return found


def _verdict_if_accepted(evidence: VerdictEvidence) -> ParameterVerdict:
    intent, outcome = evidence.translation.intent, evidence.outcome
    aspect = outcome.aspects.get(ASPECT_OF_PARAMETER.get(intent.feature, ""))
    if aspect is not None:
        return _verdict_from_aspect(evidence, aspect.text)
    if evidence.is_invalid_request:
        return ParameterVerdict(FeatureVerdict.IGNORED, note="accepted")
    if intent.feature not in dict(intent.fields):
        return _whole_answer_verdict(outcome)
    if intent.feature in UNOBSERVABLE_PARAMETERS:
        return untested_verdict("accepted; no answer shows whether it is heeded")
    if intent.value == "auto":
        return ParameterVerdict(FeatureVerdict.HONOURED)
    return _verdict_from_comparison(evidence)


def _verdict_from_aspect(evidence: VerdictEvidence, actual: str) -> ParameterVerdict:
    """A member that an answer shows of itself."""
    intent = evidence.translation.intent
    if intent.feature == "partial_images":
        return _partial_images_verdict(intent, int(actual))
    if intent.value == "auto" or actual == _expected_text(intent):
        return ParameterVerdict(FeatureVerdict.HONOURED, actual)
    plain, name = evidence.plain, ASPECT_OF_PARAMETER[intent.feature]
    before = plain.aspects.get(name) if plain is not None else None
    if before is not None and before.text == actual:
        return ParameterVerdict(FeatureVerdict.IGNORED, actual)
    return ParameterVerdict(FeatureVerdict.ALTERED, actual)


def _expected_text(intent: Intent) -> str:
    return "a stream" if intent.value is True else str(intent.value)


def _partial_images_verdict(intent: Intent, actual: int) -> ParameterVerdict:
    """Fewer may come than were asked for."""
    if actual > intent.value:
        return ParameterVerdict(FeatureVerdict.ALTERED, str(actual))
    if actual == 0 and intent.value:
        return ParameterVerdict(FeatureVerdict.IGNORED, "0")
    return ParameterVerdict(FeatureVerdict.HONOURED, str(actual))


def _whole_answer_verdict(outcome: ObservedAnswer) -> ParameterVerdict:
    """A question that is about no member: whether pictures came at all."""
    decodes = outcome.aspects["decodes"]
    if decodes.category == BROKEN:
        return ParameterVerdict(FeatureVerdict.ALTERED, note=decodes.note)
    if "format" not in outcome.aspects:
        if outcome.aspects["pictures"].text != "0":
            return untested_verdict(
                "accepted; its pictures are at an address not its own"
            )
        return ParameterVerdict(FeatureVerdict.ALTERED, note="no picture came")
    return ParameterVerdict(FeatureVerdict.HONOURED)


def _verdict_from_comparison(evidence: VerdictEvidence) -> ParameterVerdict:
    """A member of which only the comparison of two answers tells."""
    outcome, reference = evidence.outcome, evidence.reference
    about = evidence.translation.intent.feature
    if outcome.picture is None or reference is None or reference.picture is None:
        return untested_verdict("accepted; no second picture to hold it against")
    wrong = pair_violations(about, outcome, reference)
    if outcome.picture == reference.picture:
        return ParameterVerdict(FeatureVerdict.IGNORED, IDENTICAL_IMAGE, responds=False)
    if wrong:
        return ParameterVerdict(FeatureVerdict.ALTERED, note=wrong[0], responds=False)
    tokens = (
        relevant_token_count(outcome, about),
        relevant_token_count(reference, about),
    )
    counted = None not in tokens and tokens[0] != tokens[1]
    if counted or evidence.is_deterministic or about in OBSERVABLE_WITHOUT_DETERMINISM:
        return ParameterVerdict(FeatureVerdict.HONOURED, responds=True)
    return untested_verdict(
        "accepted; no two of its pictures are alike, so nothing shows it"
    )


def requested_value(intent: Intent) -> str:
    """What is asked of the feature, as a table shows it."""
    if intent.label or intent.feature not in dict(intent.fields):
        return ""
    value = intent.value
    if intent.feature == "prompt":
        kind = (
            "another" if len(value) < LONG_PROMPT_LENGTH else f"{len(value)} characters"
        )
        return kind if value.isascii() else "not ASCII"
    return value if isinstance(value, str) else format_value(value)
