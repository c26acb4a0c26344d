"""The report as one HTML file that needs no network: for people."""

import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from contracts.report import Report, TargetRecord
from contracts.reporters.matrix import LETTERS, TONES, claim_groups, features
from contracts.reporters.standings import (
    all_sightings,
    bill,
    bill_label,
    standings,
    verdict,
    why_stopped,
)
from contracts.reporters.wording import (
    clipped,
    in_words,
    moment,
    plural,
    printable,
    web_address,
)

EXCERPT = 4_000


def render(report: Report, differences: Sequence[Mapping[str, Any]] = ()) -> str:
    """
    The page of a report.

    `differences` are rows `{"feature", "group", "cells"}`, where `cells` maps a
    provider's id to `{"value", "source", "basis", "note"}`.
    """
    return _template().render(_view(report, differences))


def _view(report: Report, differences: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    each = standings(report)
    targets = report.metadata.targets
    found = all_sightings(each)
    return {
        "report": report,
        "standings": each,
        "titles": {target.provider: target.title for target in targets},
        "verdict": verdict(report, each),
        "stopped": why_stopped(report),
        "planned": sum(target.planned for target in targets),
        "bill": bill(each),
        "bill_label": bill_label(report),
        "when": moment(report.metadata.started),
        "all_mocks": all(target.is_mock for target in targets),
        "features": features(differences, [target.provider for target in targets]),
        "groups": claim_groups(each),
        "letters": LETTERS,
        "sightings": found,
        "open": len(found) <= 12,
        "commands": list(_commands(report)),
    }


def _commands(report: Report) -> list[str]:
    """What to type to ask the same again."""
    seed = report.metadata.seed
    mocks = [each.provider for each in report.metadata.targets if each.is_mock]
    live = [each for each in report.metadata.targets if not each.is_mock]
    commands = [_command([*mocks, "--seed", str(seed)])] if mocks else []
    return commands + [_live_command(each, seed) for each in live]


def _live_command(target: TargetRecord, seed: int) -> str:
    words = [target.provider, "--against", target.base_url, "--seed", str(seed)]
    return f"{_command(words)} --live --budget AMOUNT"


def _command(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "contracts", "run", *words])


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        clipped=clipped,
        in_words=in_words,
        plural=plural,
        tone=TONES.__getitem__,
        web_address=web_address,
    )
    environment.globals["EXCERPT"] = EXCERPT
    text = files("contracts.reporters").joinpath("template.html").read_text("utf-8")
    return environment.from_string(text)


def _visible(value: Any) -> Any:
    """Whatever is shown is made printable first, and escaped after."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if is_text else value
