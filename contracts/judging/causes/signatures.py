"""Signatures of failed checks: equal for all cases of one cause."""

import re
from dataclasses import dataclass, replace

from contracts.report.exercised import shorten_event_type
from contracts.report.model import CheckName, Finding, FindingKind

STATUS = "status"
MAX_MESSAGE_LENGTH = 80  # characters
_STATUS_CHECKS = {
    CheckName.ANSWERS,
    CheckName.VALID_IS_ACCEPTED,
    CheckName.INVALID_IS_REFUSED,
    CheckName.NO_CRASH,
}
_VARIABLE = re.compile(
    r"""'[^']*'|"[^"]*"|`[^`]*`|\b(?=\w*\d)[\w-]{6,}|\d+(\.\d+)?""", re.VERBOSE
)
_ERROR_MESSAGE = re.compile(r'"(?:message|error)"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """
    The failed thing: the class of a response, or a check of its content.

    For the former, `check` is `STATUS`, `status` the status (0 is no response, 200 any
    success response to an invalid request), and `detail` the error message without its
    variable parts. For the latter, `detail` is the claim without its operation.
    `varies` is true if repeated requests passed as well: that may have another cause.
    """

    check: str
    status: int = 0
    detail: str = ""
    varies: bool = False


def signature_of(finding: Finding, status: int | None) -> Signature:
    """The signature of a failed check of a response with a status."""
    return replace(_signature(finding, status), varies=_varies(finding))


def _varies(finding: Finding) -> bool:
    return finding.flaky and finding.rate is not None


def _signature(finding: Finding, status: int | None) -> Signature:
    if finding.check not in _STATUS_CHECKS:
        if finding.check == CheckName.ERROR_STATUS:
            return Signature(finding.check, status or 0)
        if finding.check == CheckName.ERROR_IS_JSON:
            return Signature(finding.check)  # the same for every error
        return Signature(finding.check, 0, claim_suffix(finding.claim))
    if finding.kind is FindingKind.ACCEPTS_INVALID:
        return Signature(STATUS, 200)
    return response_signature(finding, status)


def response_signature(finding: Finding, status: int | None) -> Signature:
    """The signature of the response that a check failed, whatever the check."""
    varies = _varies(finding)
    if not status or finding.check == CheckName.ANSWERS:
        return Signature(STATUS, 0, normalize(finding.message), varies)
    message = _without_field(error_message(finding), finding.claim)
    return Signature(STATUS, status, normalize(message), varies)


def _without_field(message: str, claim: str) -> str:
    """A message without the name of the field that a claim is about."""
    name = "/".join(claim.split("/")[2:3]).partition("[")[0]
    return re.sub(rf"\b{re.escape(name)}\b", "*", message) if name else message


def error_message(finding: Finding) -> str:
    """The `message` in the body of a response, or else the body; of an excerpt."""
    excerpt = str(finding.answer.get("excerpt") or "")
    message = _ERROR_MESSAGE.search(excerpt)
    return message[1] if message else excerpt


def claim_suffix(claim: str) -> str:
    """`data[]/url/required` for `createImage/200/data[]/url/required`."""
    parts = claim.split("/")[1:]
    if parts and parts[0].isdigit():
        parts = parts[1:]
    return shorten_event_type("/".join(parts))


def normalize(message: str) -> str:
    """A message without quoted texts, numbers and ids, clipped."""
    text = " ".join(_VARIABLE.sub("*", message).lower().split())
    return text[:MAX_MESSAGE_LENGTH]
