"""`imageparity drop-in`, `common` and `explain`: what the words mean."""

import json
from fnmatch import fnmatchcase
from importlib.metadata import version

import click
from rich.console import Console

from contracts.compare.migration import common_subset as subset
from contracts.compare.migration import patch as adapter
from contracts.compare.migration.analysis import Examination, examine
from contracts.compare.migration.model import FEATURES, Migration
from contracts.compare.migration.rules import Severity, rules
from contracts.planning.request_model import PlanError
from contracts.reporters.migration import explain_rule, print_text
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs.clients import Client, clients

NO_BREAKS, BREAKS = 0, 1  # 2, a usage error, is what `Usage` exits with


def _parse_features(
    _: click.Context, __: click.Parameter, value: str
) -> frozenset[str]:
    words = frozenset(filter(None, (each.strip() for each in value.split(","))))
    unknown = sorted(words - set(FEATURES))
    if unknown:
        known = ", ".join(FEATURES)
        raise UsageError(f"--features: there is no '{unknown[0]}'; known are {known}")
    return words


def _parse_patterns(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    words = (each.strip() for one in value for each in one.split(","))
    patterns = tuple(each for each in words if each)
    for each in patterns:
        if not any(fnmatchcase(id_, each) for id_ in rules()):
            known = ", ".join(rules())
            raise UsageError(f"--fail-on: no rule is like '{each}'; known are {known}")
    return patterns


def _parse_client(
    _: click.Context, __: click.Parameter, value: str | None
) -> Client | None:
    if value is None:
        return None
    if value not in clients():
        known = ", ".join(clients())
        raise UsageError(f"--client: there is no profile '{value}'; known are {known}")
    return clients()[value]


@click.command("drop-in")
@click.argument("old", metavar="FROM", type=PROVIDER)
@click.argument("new", metavar="TO", type=PROVIDER)
@click.option(
    "--client",
    callback=_parse_client,
    metavar="NAME",
    help="What this client really sends and reads.",
)
@click.option(
    "--features",
    callback=_parse_features,
    default="",
    metavar="LIST",
    help=f"What the code uses of {', '.join(FEATURES)}; all, if not given.",
)
@click.option("--model", metavar="NAME", help="The one model that the code asks for.")
@click.option(
    "--fail-on",
    multiple=True,
    callback=_parse_patterns,
    metavar="RULES",
    help="Exit with 1 for these alone, such as REQ-*; else if anything breaks.",
)
@click.option(
    "--adapter",
    "adapter_form",
    type=click.Choice(["json", "python"]),
    help="Print the renames and removals that mend requests, and no more.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@specs_option
def drop_in(
    old: str,
    new: str,
    client: Client | None,
    features: frozenset[str],
    model: str | None,
    fail_on: tuple[str, ...],
    adapter_form: str | None,
    as_json: bool,
    folder: str | None,
) -> int:
    """What breaks for code written for FROM when it calls TO; nothing is asked."""
    if adapter_form and as_json:
        raise UsageError("--adapter and --json exclude each other; take --adapter json")
    (before,) = load_providers([old], folder)
    (after,) = load_providers([new], folder)
    move = Migration(before, after, client, features, model)
    try:
        found = examine(move)
    except PlanError as error:
        raise UsageError(str(error)) from None
    if not found.has_requests:
        raise UsageError(_no_features_message(move))
    if adapter_form == "json":
        click.echo(json.dumps(adapter.as_json(found.patches), indent=2))
    elif adapter_form == "python":
        click.echo(adapter.as_python(move, found.patches), nl=False)
    elif as_json:
        record = found.as_json(version("imageparity"))
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        print_text(found, Console(highlight=False))
    return BREAKS if _fails(found, fail_on) else NO_BREAKS


def _no_features_message(migration: Migration) -> str:
    if migration.model is not None and migration.operations:
        return (
            f"--model: {migration.old.title} lists no model '{migration.model}'; "
            f"take one of its own, such as {migration.old.dialect.model}"
        )
    return (
        f"{migration.old.title} has nothing of what the code uses; "
        f"take other --features or another --client"
    )


def _fails(examination: Examination, patterns: tuple[str, ...]) -> bool:
    """Whether anything breaks, or, with patterns, such a rule more than informs."""
    if not patterns:
        return bool(examination.with_severity(Severity.BREAKS))
    return any(
        fnmatchcase(each.rule, pattern)
        for each in examination.findings
        if each.severity != Severity.INFO
        for pattern in patterns
    )


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@specs_option
def common(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """What may be sent to every PROVIDER alike; nothing is asked."""
    providers = load_providers(provider, folder)
    try:
        found = subset.subsets(providers)
    except PlanError as error:
        raise UsageError(str(error)) from None
    if as_json:
        record = subset.as_json(found, providers)
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for each in found:
        click.echo("\n".join(subset.text_lines(each)))
        click.echo()


@click.command()
@click.argument("rule", nargs=-1)
def explain(rule: tuple[str, ...]) -> None:
    """What a RULE of drop-in means, how much it weighs, what to do; or all of them."""
    known = rules()
    unknown = [each for each in rule if each.upper() not in known]
    if unknown:
        listed = ", ".join(known)
        raise UsageError(f"there is no rule '{unknown[0]}'; known are {listed}")
    if not rule:
        width = max(map(len, known))
        for each in known.values():
            click.echo(
                f"{each.id:<{width}}  {each.documented_severity:<6}  {each.title}"
            )
        return
    for name in rule:
        for line in explain_rule(known[name.upper()]):
            click.echo(click.wrap_text(line, width=88) if line else "")
        click.echo()
