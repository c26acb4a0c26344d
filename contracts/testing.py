"""
The harness as tests: one for each question, in the suite of the server that is asked.

Every test asks what it needs by itself, so that tests can be picked, repeated and
spread over processes.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from inspect import Parameter, Signature
from pathlib import Path
from types import FrameType, FunctionType, MappingProxyType
from typing import Any

import pytest

from contracts.api import id_parts, load_providers, run_in_thread
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.client import Target, Unreachable
from contracts.execution.run import execute, start
from contracts.execution.targets import BadTarget, host_of, is_loopback, target_of
from contracts.judging.findings import summarize_case
from contracts.judging.guarantees import COMPARED_FIELDS
from contracts.judging.relations import relations
from contracts.planning.case import Case
from contracts.report.baseline import AcceptedFinding, BadBaseline, Baseline
from contracts.report.model import Finding, Outcome
from contracts.text import one_line, printable
from specs import Claim, Provider, claims

__all__ = ["imageparity_conformance"]

PARAMETER = "imageparity_case"
NAME = "imageparity"


def imageparity_conformance(
    provider: str | Provider,
    *,
    base_url: str | Callable[[], str] | None = None,
    base_url_fixture: str | None = None,
    key: str | None = None,
    key_env: str | None = None,
    only: str | Sequence[str] = (),
    skip: Mapping[str, str] = MappingProxyType({}),
    baseline: str | Path | None = None,
    strict: bool = False,
    fuzz: bool = False,
    seed: int = 0,
    specs_path: str | Path | None = None,
) -> Callable[..., None]:
    """
    A test function with a parameter for each question to a provider.

    Bound to a name that pytest collects, it asks the server at `base_url` (a text, or
    what gives it when a test begins) or at the value of the fixture
    `base_url_fixture`; this server must be on this machine, and not in a loop that
    waits for the test. Its key is `key`, else what the variable `key_env` holds, else
    the one of the provider's dialect.

    A test fails with the promise that is broken, the smallest request that shows it,
    and the answer. A mere difference passes, and is told in the test's section and
    properties, unless the suite is `strict`. What a `baseline` accepts is an expected
    failure until its date.

    `only` keeps the questions whose id has one of these parts; `skip` gives, by such a
    part, the reason to skip. `fuzz` adds what is drawn by chance, by `seed`.
    `specs_path` is a folder of further providers.

    Raises `SpecError` for an unknown provider, `BadBaseline` and, for other arguments
    that cannot be, `ValueError`.
    """
    if (base_url is None) is (base_url_fixture is None):
        raise ValueError("give base_url or base_url_fixture: one of them")
    folder = str(specs_path) if specs_path else None
    plan = _plan_suite(provider, folder, fuzz, seed)
    accepted = _load_accepted(baseline, plan.provider)
    suite = _Suite(plan, key, key_env, accepted, strict=strict)

    def conformance(**given: Any) -> None:
        found = given[base_url_fixture] if base_url_fixture else base_url
        address = found() if callable(found) else found
        suite.run_test(given[PARAMETER], str(address), given["request"])

    names = ["request", PARAMETER, *([base_url_fixture] if base_url_fixture else [])]
    conformance.__signature__ = _signature(names)  # type: ignore[attr-defined]
    conformance.place_as = _location(sys._getframe(1))  # type: ignore[attr-defined]  # noqa: SLF001
    chosen = _select_parameters(plan.tests, id_parts(only), skip)
    made: Callable[..., None] = pytest.mark.parametrize(PARAMETER, chosen)(conformance)
    return made


def _signature(names: Sequence[str]) -> Signature:
    """What pytest takes the names of fixtures from."""
    return Signature([Parameter(each, Parameter.KEYWORD_ONLY) for each in names])


def _location(caller: FrameType) -> FunctionType:
    """What pytest takes the line of a test from: where its suite was made."""
    code = _location.__code__.replace(
        co_filename=caller.f_code.co_filename, co_firstlineno=caller.f_lineno
    )
    return FunctionType(code, {})


@dataclass(frozen=True, slots=True)
class _ConformanceTest:
    """What a test asks: one case, or the cases that are compared with the first."""

    id: str
    cases: tuple[Case, ...]

    @property
    def is_comparison(self) -> bool:
        return len(self.cases) > 1


@dataclass(frozen=True, slots=True)
class _SuitePlan:
    provider: Provider
    tests: tuple[_ConformanceTest, ...]
    claims: Mapping[str, Claim]


@cache
def _plan_suite(
    provider: str | Provider, folder: str | None, fuzz: bool, seed: int
) -> _SuitePlan:
    """All questions to a provider: the same in each process of a run."""
    (loaded,) = load_providers([provider], folder)
    cases = Campaign(loaded, Target("", ""), seed=seed, fuzz=fuzz).cases
    single = [_ConformanceTest(each.id, (each,)) for each in cases]
    compared = [
        _ConformanceTest(each.id, each.cases) for each in relations(loaded, cases)
    ]
    known = {each.id: each for each in claims(loaded)}
    return _SuitePlan(loaded, (*single, *compared), known)


def _load_accepted(
    path: str | Path | None, provider: Provider
) -> dict[str, AcceptedFinding]:
    """The findings that a file accepts of a provider. Raises `BadBaseline`."""
    if path is None:
        return {}
    if not Path(path).exists():
        raise BadBaseline(
            f"{path} is not there: `{NAME} gate REPORT --baseline {path} --update` "
            "writes it"
        )
    found = Baseline.read(path).accepted
    return {each.fingerprint: each for each in found if each.provider == provider.id}


def _select_parameters(
    tests: Sequence[_ConformanceTest], only: Sequence[str], skip: Mapping[str, str]
) -> list[Any]:
    """The parameters. Raises `ValueError` for a part that no id has."""
    for name, words in (("only", only), ("skip", skip)):
        for part in words:
            if not part or not any(part in each.id for each in tests):
                raise ValueError(f"{name}: no case has '{part}' in its id")
    return [
        pytest.param(each, id=each.id, marks=_skip_marks(each, skip))
        for each in tests
        if not only or any(part in each.id for part in only)
    ]


def _skip_marks(
    test: _ConformanceTest, skip: Mapping[str, str]
) -> list[pytest.MarkDecorator]:
    reasons = [reason for part, reason in skip.items() if part in test.id]
    return [pytest.mark.skip(reason=each) for each in reasons[:1]]


@dataclass(frozen=True, slots=True)
class _Suite:
    """What all tests of a suite have in common."""

    plan: _SuitePlan
    key: str | None = field(repr=False)
    key_env: str | None
    accepted: Mapping[str, AcceptedFinding]
    strict: bool

    def run_test(
        self, test: _ConformanceTest, base_url: str, request: pytest.FixtureRequest
    ) -> None:
        """Put a question, and end the test as its answers deserve."""
        try:
            outcomes = self._outcomes(test, base_url)
        except (BadTarget, Unreachable) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except CouldNotRun as error:
            asked = "\n".join(summarize_case(each) for each in test.cases)
            raise pytest.fail.Exception(f"{error}\n{asked}", pytrace=False) from None
        if test.is_comparison and sum(map(_is_success, outcomes)) < 2:
            pytest.skip("fewer than two of the requests to be compared were answered")
        found = _unique_findings(test, outcomes)
        failing = [each for each in found if each.breaks or self.strict]
        differing = [each for each in found if each not in failing]
        known = [each for each in failing if self._acceptance_reason(each) is not None]
        new = [each for each in failing if each not in known]
        self._report_differences(differing, test, request.node)
        if new:
            pytest.fail(self._describe(new, test), pytrace=False)
        if known:
            pytest.xfail(
                "; ".join(str(self._acceptance_reason(each)) for each in known)
            )
            # With --runxfail a failure is never expected.
            pytest.fail(self._describe(known, test), pytrace=False)

    def _outcomes(self, test: _ConformanceTest, base_url: str) -> list[Outcome]:
        """Raises `BadTarget`, `Unreachable` and `CouldNotRun`."""
        provider = self.plan.provider
        if not is_loopback(host_of(base_url)):
            raise BadTarget(
                f"{base_url} is not on this machine, so each test may cost money: "
                "contracts.run(…, live=True, budget=…) keeps count of it"
            )
        target = target_of(provider, base_url, key=self.key, key_env=self.key_env)
        campaign = Campaign(provider, target, fuzz=False, selected_cases=test.cases)
        run = start([campaign], version=version(NAME), seed=0)
        run_in_thread(execute(run))
        return run.outcomes

    def _acceptance_reason(self, finding: Finding) -> str | None:
        """Why a finding is accepted, if it is, and still."""
        entry = self.accepted.get(finding.fingerprint)
        if entry is None or entry.is_expired(datetime.now(UTC).date()):
            return None
        return entry.reason

    def _report_differences(
        self, findings: Sequence[Finding], test: _ConformanceTest, item: pytest.Item
    ) -> None:
        """Tell of findings without failing."""
        if findings:
            text = self._describe(findings, test)
            item.add_report_section("call", f"{NAME} differences", text)
        for each in findings:
            told = one_line(f"{each.kind}, {each.claim}: {each.message}")
            item.user_properties.append((f"{NAME}.difference", told))

    def _describe(self, findings: Sequence[Finding], test: _ConformanceTest) -> str:
        told = ["\n".join(self._describe_finding(each, test)) for each in findings]
        return printable("\n\n".join(told))

    def _describe_finding(
        self, finding: Finding, test: _ConformanceTest
    ) -> Iterator[str]:
        claim = self.plan.claims.get(finding.claim)
        yield one_line(f"{finding.kind}: {finding.message}")
        promise = f"{claim.sentence} ({claim.id})" if claim else finding.claim
        yield _line("promised", promise)
        yield _line("source", f"{finding.source} ({finding.basis})")
        if finding.source_url:
            yield _line("", finding.source_url)
        yield _line("expected", finding.expected)
        answer = finding.answer
        came = f"{answer['status']} {answer['content_type']} {answer['excerpt']}"
        yield _line("answer", came)
        if test.is_comparison:
            yield _line("beside", f"{test.cases[0].id}, {finding.case}")
            yield _line("first", summarize_case(test.cases[0]))
        entry = self.accepted.get(finding.fingerprint)
        if entry is not None:
            yield _line("accepted", f"until {entry.until}: {entry.reason}")
        yield _line("fingerprint", finding.fingerprint)
        yield finding.request["curl"]


def _line(label: str, text: str) -> str:
    return f"  {label:13}{one_line(text)}"


def _is_success(outcome: Outcome) -> bool:
    return outcome.status is not None and 200 <= outcome.status < 300


def _unique_findings(
    test: _ConformanceTest, outcomes: Sequence[Outcome]
) -> list[Finding]:
    """One finding a cause; where answers are compared, what comparison shows."""
    found = {
        each.fingerprint: each for outcome in outcomes for each in outcome.findings
    }
    return [
        each
        for each in found.values()
        if not test.is_comparison or each.check in COMPARED_FIELDS
    ]
