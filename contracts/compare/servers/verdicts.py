"""What became of a feature at one target: a verdict, from deeds alone."""

from dataclasses import dataclass

from contracts.compare.servers.aspects import (
    BROKEN,
    Outcome,
    Result,
    evidence_of,
    wrongs,
)
from contracts.compare.servers.intents import LONG, Intent, Spoken
from contracts.judging.outcome import Verdict
from contracts.planning.values import shown

# The aspect in which a member shows of itself.
SHOWS = {
    "n": "pictures",
    "size": "size",
    "output_format": "format",
    "background": "transparency",
    "response_format": "delivery",
    "stream": "body",
    "partial_images": "partial pictures",
    "quality": "quality said",
}
UNSEEN = {"user", "moderation"}
# Two levels of compression, or a mask, show in pictures that are never alike too.
SHOWN_BY_ANY = {"output_compression", "mask"}
ALIKE = "the very same picture"


@dataclass(frozen=True, slots=True)
class Cell:
    """
    What became of a feature at one target.

    An aspect of an answer has a value and no verdict. `responds` is set where two
    answers had to be compared to know.
    """

    verdict: Verdict | None
    value: str = ""
    note: str = ""
    responds: bool | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """
    What a verdict rests on: the answer to the question, to the plain one, and to the
    one that differs in the feature alone, each None where there was none.

    `repeats` is whether the target gives the same picture to the same question;
    `is_fault` whether the question is one that no document allows.
    """

    spoken: Spoken
    outcome: Outcome
    plain: Outcome | None
    reference: Outcome | None
    repeats: bool
    is_fault: bool


def is_compared(intent: Intent) -> bool:
    """Whether its answer is held against another to know what became of it."""
    about = intent.about
    return bool(about) and (about not in SHOWS or about == "quality")


def untested(why: str) -> Cell:
    return Cell(Verdict.UNTESTED, note=why)


def judged(witness: Witness) -> Cell:
    """The verdict on the feature that a question is about."""
    spoken, outcome = witness.spoken, witness.outcome
    if outcome.result is Result.REFUSED_BADLY:
        return Cell(Verdict.REFUSED_BADLY, str(outcome.status or ""), outcome.shown)
    if outcome.result is Result.REFUSED:
        return Cell(Verdict.REFUSED, str(outcome.status), outcome.shown)
    found = _heeded(witness)
    about = spoken.intent.about
    own = spoken.names.get(about, about)
    if found.verdict is Verdict.HONOURED and own != about:
        return Cell(Verdict.RENAMED, own, found.note, found.responds)
    return found


def _heeded(witness: Witness) -> Cell:
    intent, outcome = witness.spoken.intent, witness.outcome
    aspect = outcome.aspects.get(SHOWS.get(intent.about, ""))
    if aspect is not None:
        return _shown(witness, aspect.shown)
    if witness.is_fault:
        return Cell(Verdict.IGNORED, note="accepted")
    if intent.about not in dict(intent.asked):
        return _whole(outcome)
    if intent.about in UNSEEN:
        return untested("accepted; no answer shows whether it is heeded")
    if intent.value == "auto":
        return Cell(Verdict.HONOURED)
    return _beside(witness)


def _shown(witness: Witness, came: str) -> Cell:
    """A member that an answer shows of itself."""
    intent = witness.spoken.intent
    if intent.about == "partial_images":
        return _partials(intent, int(came))
    if intent.value == "auto" or came == _wanted(intent):
        return Cell(Verdict.HONOURED, came)
    before = witness.plain and witness.plain.aspects.get(SHOWS[intent.about])
    if before is not None and before.shown == came:
        return Cell(Verdict.IGNORED, came)
    return Cell(Verdict.ALTERED, came)


def _wanted(intent: Intent) -> str:
    return "a stream" if intent.value is True else str(intent.value)


def _partials(intent: Intent, came: int) -> Cell:
    """Fewer may come than were asked for."""
    if came > intent.value:
        return Cell(Verdict.ALTERED, str(came))
    if came == 0 and intent.value:
        return Cell(Verdict.IGNORED, "0")
    return Cell(Verdict.HONOURED, str(came))


def _whole(outcome: Outcome) -> Cell:
    """A question that is about no member: whether pictures came at all."""
    decodes = outcome.aspects["decodes"]
    if decodes.word == BROKEN:
        return Cell(Verdict.ALTERED, note=decodes.note)
    if "format" not in outcome.aspects:
        if outcome.aspects["pictures"].shown != "0":
            return untested("accepted; its pictures are at an address not its own")
        return Cell(Verdict.ALTERED, note="no picture came")
    return Cell(Verdict.HONOURED)


def _beside(witness: Witness) -> Cell:
    """A member of which only the comparison of two answers tells."""
    outcome, reference = witness.outcome, witness.reference
    about = witness.spoken.intent.about
    if outcome.picture is None or reference is None or reference.picture is None:
        return untested("accepted; no second picture to hold it against")
    wrong = wrongs(about, outcome, reference)
    if outcome.picture == reference.picture:
        return Cell(Verdict.IGNORED, ALIKE, responds=False)
    if wrong:
        return Cell(Verdict.ALTERED, note=wrong[0], responds=False)
    tokens = evidence_of(outcome, about), evidence_of(reference, about)
    counted = None not in tokens and tokens[0] != tokens[1]
    if counted or witness.repeats or about in SHOWN_BY_ANY:
        return Cell(Verdict.HONOURED, responds=True)
    return untested("accepted; no two of its pictures are alike, so nothing shows it")


def asked_for(intent: Intent) -> str:
    """What is asked of the feature, as a table shows it."""
    if intent.label or intent.about not in dict(intent.asked):
        return ""
    value = intent.value
    if intent.about == "prompt":
        kind = "another" if len(value) < LONG else f"{len(value)} characters"
        return kind if value.isascii() else "not ASCII"
    return value if isinstance(value, str) else shown(value)
