"""The records of a report: targets, claims, outcomes and findings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contracts.report.file import FORMAT
from contracts.report.repeats import PassRate, RateVerdict, Repeats

DEPENDS_ON = "depends on"
DOES_NOT_APPLY = "does not apply:"
"""The beginning of `not_tested` for a case that was not sent; a case's id follows."""
NO_SAMPLE = "no valid sample"
"""The beginning of `not_tested` if no valid request is known; its operation follows."""
NOT_FINISHED = "the task did not end in"
"""The beginning of `not_tested` for a task that is still open; the time follows."""
INTERRUPTED = "interrupted while its task was open"
TASK_IS_GONE = "the task of the earlier run is not known any more"
NOT_SENT = (DEPENDS_ON, DOES_NOT_APPLY, NO_SAMPLE)
HARNESS_ERROR = "harness error:"
"""The beginning of `not_tested` if a check raised an exception; its type follows."""
RATE_LIMITED = "rate limited"
MODEL_REFUSED = "the model refused the request"
CONNECTION_FAILED = "connection failed"
NOT_FETCHED = "images not fetched"
OUTCOME_LOST = "outcome lost"
"""`not_tested` of a case whose worker ended between the request and the response."""


class FindingKind(StrEnum):
    """The ways in which behaviour deviates from the documentation."""

    REJECTS_VALID = "rejects-valid"
    ACCEPTS_INVALID = "accepts-invalid"
    WRONG_ERROR = "wrong-error"
    WRONG_RESPONSE = "wrong-response"
    CRASH = "crash"
    UNDOCUMENTED = "undocumented"


class CheckName(StrEnum):
    """
    The names of checks that are no guarantees.

    A check of a guarantee has the name of the guarantee. A check of another tool has
    the name of the tool, `:`, and its name there.
    """

    ANSWERS = "answers"
    VALID_IS_ACCEPTED = "valid-is-accepted"
    INVALID_IS_REFUSED = "invalid-is-refused"
    NO_CRASH = "no-crash"
    ELSEWHERE = "elsewhere"
    ERROR_STATUS = "error-status"
    ERROR_CODE = "error-code"
    ERROR_TYPE = "error-type"
    ERROR_PARAM = "error-param"
    ERROR_IS_JSON = "error-is-json"
    ERROR_ENVELOPE = "error-envelope"
    STATUS = "status"
    BODY = "body"
    SCHEMA = "schema"
    MEMBER = "member"
    EVENT = "event"
    EVENT_SCHEMA = "event-schema"
    MODELS_LISTED = "models-listed"
    MODEL_ID = "model-id"
    DECLARED = "declared-parameter"
    NOT_JUDGED = "not-judged"


TASK_CHECKS = (
    "task-has-id",
    "task-id-stays",
    "task-state-is-known",
    "task-moves-forward",
    "task-times",
    "task-progress-grows",
    "task-result-with-success",
    "task-result-stays",
    "task-result-count",
    "task-usage-stays",
    "task-result-decodes",
    "task-result-as-asked",
    "task-failure-says-why",
    "task-result-expires",
    "task-cancel",
    "task-is-listed",
    "task-content",
    "task-events",
    "task-heartbeat",
)
"""The names of the checks of all exchanges about one task."""


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """
    A claim of a document as the report shows it.

    `asked` counts the cases with a response that tested it. `mock` is how the mock
    treats it: enforced, lenient, kept, or on demand. `exercised_by` are the planted
    defects that made its check fail; empty if it was never seen to fail.
    """

    id: str
    operation: str
    subject: str
    sentence: str
    source: str
    source_title: str
    source_url: str
    source_date: str
    basis: str
    pointer: str
    asked: int = 0
    mock: str = ""
    exercised_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One deviation from the documentation, with what is needed to reproduce it.

    `message` describes what happened, `expected` what is documented. `request` has
    `summary`, `curl`, `python` and `node`, without the API key. `answer` has `status`,
    `content_type`, `excerpt` and, if there are images, `pictures`. `flaky` is true if
    it could not be reproduced. `also_seen_by` has the checks of other tools that saw
    the same. `field` is the canonical name of the request field that was not honoured,
    `asked` its value in the request and `came` its value in the response; None if
    unknown. `rate` counts the requests of a repeated case that passed the check; None
    if the check saw one response.

    The finding of an outcome is one failed check. The findings of a report are causes:
    `provider` is then set, `title` is a sentence, `cases` the number of cases that
    failed, `claims` all claims that they contradict, and `members` the fingerprints of
    the failed checks.
    """

    kind: FindingKind
    check: str
    claim: str
    basis: str
    source: str
    source_url: str
    message: str
    expected: str
    case: str
    fingerprint: str
    request: dict[str, Any]
    answer: dict[str, Any]
    flaky: bool = False
    also_seen_by: tuple[str, ...] = ()
    field: str | None = None
    asked: str | None = None
    came: str | None = None
    provider: str = ""
    title: str = ""
    cases: int = 1
    claims: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    rate: PassRate | None = None

    @property
    def is_inconclusive(self) -> bool:
        """True if repeated requests do not show whether the check passes or fails."""
        rate = self.rate
        return rate is not None and rate.verdict is RateVerdict.INCONCLUSIVE

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """The fingerprints of its failed checks; its own if it is one itself."""
        return self.members or (self.fingerprint,)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Its own fingerprint, then those of its failed checks, each once."""
        return tuple(dict.fromkeys((self.fingerprint, *self.members)))

    @property
    def contradicted_claims(self) -> tuple[str, ...]:
        """Its own claim, then the others that its cases contradict, each once."""
        return tuple(dict.fromkeys((self.claim, *self.claims)))

    @property
    def breaks(self) -> bool:
        """
        True if a documented claim fails; otherwise the finding is a warning.

        What was not seen again when the request was repeated is a warning.
        """
        return (
            self.kind is not FindingKind.UNDOCUMENTED
            and self.basis == "documented"
            and not self.flaky
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of one case.

    `status` is None if there was no response. `seconds` is the time until it was
    complete. `cost` is the price of the request by the documented prices, in the
    provider's currency: 0 for an error response, None if unknown. `fields` has the
    values, by canonical name, of those fields of the request that a response can show.
    `not_tested` is why the case has no result, such as "rate limited"; None if it has.

    `images` is the number of images of the response that were decoded, `not_fetched`
    the number of those that are links and were not fetched. `echoed` are the request
    fields whose values the response repeats. `deliveries` are the ways in which the
    images came: `b64_json`, `url`, `data_uri`, with the field where it is not the usual
    one. `model` is the one of the request, or its documented default. A verdict needs
    such evidence. `open_task` is the id of the long-running task that it created and
    did not follow to its end; empty if none. `repeats` is the result of all its
    requests, and None if it was sent once. `cost` is that of all, and the other values
    are those of the first response.
    """

    provider: str
    case: str
    operation: str
    origin: str
    expectation: str
    claims: tuple[str, ...]
    status: int | None
    seconds: float
    cost: float | None
    findings: tuple[Finding, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    not_tested: str | None = None
    images: int = 0
    not_fetched: int = 0
    echoed: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()
    model: str = ""
    open_task: str = ""
    repeats: Repeats | None = None

    @property
    def is_inconclusive(self) -> bool:
        """
        True if it was repeated and does not pass, and no check is shown to fail.

        Such a case has neither passed nor failed.
        """
        verdict = self.repeats and self.repeats.rate.verdict
        is_passed = verdict in {None, RateVerdict.PASSED, RateVerdict.MOSTLY_PASSED}
        return not is_passed and not any(each.breaks for each in self.findings)

    @property
    def depends_on(self) -> str | None:
        """The id of the failed case because of which this case was not sent."""
        prefix, _, case = (self.not_tested or "").rpartition(" ")
        return case if prefix == DEPENDS_ON else None

    @property
    def reason_not_tested(self) -> str | None:
        """The reason why the case neither passed nor failed; None if it did."""
        if self.not_tested is None and self.not_fetched and not self.findings:
            return NOT_FETCHED
        return self.not_tested


@dataclass(frozen=True, slots=True)
class CallRecord:
    """
    The options with which a tested server was called.

    `auth` is the place of the API key: `bearer`, `header:NAME`, `query:NAME` or `none`.
    `headers` are the names of further headers, in lower case; `models` the server's own
    names by documented model; `operations` the tested ones, empty for all.
    """

    auth: str = "bearer"
    headers: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, str]:
        """The options of the command line that say the same, by name."""
        texts = {
            "--auth": self.auth,
            "--header": " ".join(self.headers),
            "--model": " ".join(f"{key}={each}" for key, each in self.models.items()),
            "--operations": ",".join(self.operations),
        }
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class SelectionRecord:
    """
    The options that decide which cases a run has, besides those of the call.

    `only` are parts of case ids, empty for all. `fuzz` and `second_opinion` are true
    with the generated cases. `is_paid` is true with a budget: the cheapest cases are
    then first, and none is repeated.
    """

    only: tuple[str, ...] = ()
    fuzz: bool = True
    second_opinion: bool = False
    is_paid: bool = False


def changed_options(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the options of a call that differ."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def option_text(options: Mapping[str, str], name: str) -> str:
    """`--auth none`, or `no --auth` if it was not given."""
    return f"{name} {options[name]}" if name in options else f"no {name}"


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """
    A tested server and the provider that it claims to be.

    `document` is the version of the provider's document, `planned` the number of cases,
    `currency` that of the documented prices; None if there are none. `call` is how it
    was called; None in a report of an earlier version. `document_sha256` is the hash of
    the provider's files, and `selection` how the cases were selected; they are empty
    and None in a report of an earlier version, and where the cases were given.
    """

    provider: str
    title: str
    base_url: str
    is_mock: bool
    document: str
    planned: int
    currency: str | None
    claims: tuple[ClaimRecord, ...] = ()
    call: CallRecord | None = None
    document_sha256: str = ""
    selection: SelectionRecord | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that its claims are about, in the order of the document."""
        return tuple(dict.fromkeys(each.operation for each in self.claims))


@dataclass(frozen=True, slots=True)
class RunMetadata:
    """
    The version of imageparity, the start in ISO 8601 (UTC), seed and targets.

    `repeat` is the number of times that each case was sent.
    """

    version: str
    started: str
    seed: int
    targets: tuple[TargetRecord, ...]
    format: str = FORMAT
    repeat: int = 1


def fingerprint(*parts: str) -> str:
    """A stable id for a cause: 16 hexadecimal digits."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
