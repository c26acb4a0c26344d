"""The commands `drop-in`, `common` and `explain`: moving between providers."""

import json
import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from importlib.metadata import version

import click

from contracts.cli.shared.image_operations import with_image_operations
from contracts.compare.migration import common_subset as subset
from contracts.compare.migration import patch as adapter
from contracts.compare.migration.analysis import Examination, examine
from contracts.compare.migration.model import FEATURES, Migration
from contracts.compare.migration.rules import Severity, rules
from contracts.planning.request_model import PlanError
from contracts.reporters.document_rules import (
    DocumentRule,
    document_rules,
    explain_document_rules,
    find_rules,
)
from contracts.reporters.migration_rules import explain_rule
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs.clients import Client, clients

NO_BREAKS, BREAKS = 0, 1  # exit statuses; a `UsageError` gives 2


def _parse_features(
    _: click.Context, __: click.Parameter, value: str
) -> frozenset[str]:
    features = frozenset(filter(None, (each.strip() for each in value.split(","))))
    unknown = sorted(features - set(FEATURES))
    if unknown:
        known = ", ".join(FEATURES)
        raise UsageError(f"--features: unknown feature '{unknown[0]}'; use {known}")
    return features


def _parse_patterns(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    words = (each.strip() for one in value for each in one.split(","))
    patterns = tuple(each for each in words if each)
    for pattern in patterns:
        if not any(fnmatchcase(id_, pattern) for id_ in rules()):
            known = ", ".join(rules())
            raise UsageError(
                f"--fail-on: no rule matches '{pattern}'; the rules are {known}"
            )
    return patterns


def _parse_client(
    _: click.Context, __: click.Parameter, value: str | None
) -> Client | None:
    if value is None:
        return None
    if value not in clients():
        known = ", ".join(clients())
        raise UsageError(f"--client: unknown client '{value}'; use {known}")
    return clients()[value]


@click.command("drop-in")
@click.argument("old", metavar="FROM", type=PROVIDER)
@click.argument("new", metavar="[TO]", required=False, type=PROVIDER)
@click.option(
    "--client",
    callback=_parse_client,
    metavar="NAME",
    help="Client library of the code: only what it sends and reads is compared.",
)
@click.option(
    "--features",
    callback=_parse_features,
    default="",
    metavar="LIST",
    help=f"Comma-separated features that the code uses: {', '.join(FEATURES)}. "
    "The default is all but video, or video for a provider that has only that.",
)
@click.option(
    "--model", metavar="NAME", help="The model that the code uses, if only one."
)
@click.option(
    "--fail-on",
    multiple=True,
    callback=_parse_patterns,
    metavar="RULES",
    help="Comma-separated patterns of rules, such as REQ-*, that give exit status 1. "
    "The default is any breaking change.",
)
@click.option(
    "--adapter",
    "adapter_form",
    type=click.Choice(["json", "python"]),
    help="Print only the renames and removals that adapt requests to TO, as JSON or "
    "as a Python function.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Print each finding with its sources, a fix and a request that shows it.",
)
@specs_option
def drop_in(
    old: str,
    new: str | None,
    client: Client | None,
    features: frozenset[str],
    model: str | None,
    fail_on: tuple[str, ...],
    adapter_form: str | None,
    as_json: bool,
    verbose: bool,
    folder: str | None,
) -> int:
    """
    Show what breaks when code written for provider FROM calls provider TO.

    Without TO, print the number of findings for each other provider. Compares
    documents and sends nothing. Exit status: 0 nothing breaks (or there is no TO), 1
    there are breaking changes (or findings that match --fail-on).
    """
    # `common` and `explain` do without rich.
    from rich.console import Console

    from contracts.reporters.migration import print_ranking, print_text

    if adapter_form and as_json:
        raise UsageError("--adapter and --json exclude each other; take --adapter json")
    (before,) = load_providers([old], folder)
    console = Console(highlight=False)
    if new is None:
        options = {
            "--adapter": adapter_form,
            "--fail-on": fail_on,
            "--json": as_json,
            "--verbose": verbose,
        }
        _reject_without_target([name for name, value in options.items() if value])
        others = [each for each in load_providers((), folder) if each.id != before.id]
        every = [Migration(before, each, client, features, model) for each in others]
        # A provider without any of the operations is no choice.
        moves = [each for each in every if each.new_operations]
        if not moves:
            _examine(every[0])
            raise UsageError(f"no other provider documents what {before.title} has")
        print_ranking([_examine(each) for each in moves], console)
        return NO_BREAKS
    (after,) = load_providers([new], folder)
    move = Migration(before, after, client, features, model)
    examination = _examine(move)
    if adapter_form == "json":
        click.echo(json.dumps(adapter.as_json(examination.patches), indent=2))
    elif adapter_form == "python":
        click.echo(adapter.as_python(move, examination.patches), nl=False)
    elif as_json:
        record = examination.as_json(version("imageparity"))
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        print_text(examination, console, verbose=verbose)
    return BREAKS if _fails(examination, fail_on) else NO_BREAKS


def _reject_without_target(options: Sequence[str]) -> None:
    """Raise `UsageError` if an option is given that is about one new provider."""
    if options:
        raise UsageError(f"{options[0]} needs TO, the provider that the code moves to")


def _examine(migration: Migration) -> Examination:
    """The findings of a migration. Raises `UsageError` if the code sends nothing."""
    try:
        examination = examine(migration)
    except PlanError as error:
        raise UsageError(str(error)) from None
    if not examination.has_requests:
        raise UsageError(_no_features_message(migration))
    if not migration.new_operations:
        raise UsageError(
            f"{migration.new.title} documents no operation that this code could call; "
            f"use other --features: {', '.join(FEATURES)}"
        )
    return examination


def _no_features_message(migration: Migration) -> str:
    if migration.model is not None and migration.operations:
        return (
            f"--model: {migration.old.title} lists no model '{migration.model}'; "
            f"use one of its own, such as {migration.old.dialect.model}"
        )
    return (
        f"{migration.old.title} documents none of the features that the code uses; "
        "use other --features or another --client"
    )


def _fails(examination: Examination, patterns: tuple[str, ...]) -> bool:
    """True for a breaking change or, with patterns, a matching rule above info."""
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@specs_option
def common(provider: tuple[str, ...], as_json: bool, folder: str | None) -> None:
    """
    Show the requests that are valid at every PROVIDER (default: all).

    Compares their documents and sends nothing.
    """
    providers = with_image_operations(load_providers(provider, folder), provider)
    try:
        subsets = subset.subsets(providers)
    except PlanError as error:
        raise UsageError(str(error)) from None
    if as_json:
        record = subset.as_json(subsets, providers)
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for operation in subsets:
        click.echo("\n".join(subset.text_lines(operation)))
        click.echo()


@click.command()
@click.argument("rule", nargs=-1)
@specs_option
def explain(rule: tuple[str, ...], folder: str | None) -> None:
    """
    Explain each RULE of drop-in (meaning, severity, fix) or of the documents.

    The rules of the documents are those that `compare` shows, such as size-gpt-image-2:
    each provider that has it, its condition, the rule in words, and its source.
    Without RULE, list all rules.
    """
    known = rules()
    is_known = bool(rule) and all(name.upper() in known for name in rule)
    # The documents are read only for what is no rule of drop-in: that takes a second.
    own = [] if is_known else document_rules(load_providers((), folder))
    by_name = {name: find_rules(name, own) for name in rule}
    for name in rule:
        if name.upper() not in known and not by_name[name]:
            names = [*known, *(each.name for each in own)]
            raise UsageError(_unknown_rule(name, names))
    if not rule:
        _list_rules(own)
    for name in rule:
        if name.upper() in known:
            lines = explain_rule(known[name.upper()])
        else:
            lines = explain_document_rules(by_name[name])
        for line in lines:
            click.echo(_wrapped(line))
        if name.upper() in known:
            click.echo()


def _unknown_rule(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1) or get_close_matches(
        name.upper(), known, 1
    )
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown rule '{name}'{hint or ';'} `explain` lists all rules"


def _list_rules(own: Sequence[DocumentRule]) -> None:
    known = rules()
    width = max(map(len, known))
    for entry in known.values():
        click.echo(
            f"{entry.id:<{width}}  {entry.documented_severity:<6}  {entry.title}"
        )
    providers: dict[str, dict[str, None]] = {}
    for found in own:
        providers.setdefault(found.name, {})[found.provider.id] = None
    width = max(map(len, providers), default=0)
    click.echo("\nRules of the documents:")
    for name, ids in providers.items():
        click.echo(f"{name:<{width}}  {', '.join(ids)}")


def _wrapped(line: str) -> str:
    """A line in 88 columns; one that begins with a label keeps its indentation."""
    if not line.startswith("  "):
        return click.wrap_text(line, width=88) if line else ""
    if len(line.split()) == 2:  # a label and one word, such as a JSON pointer
        return line
    return textwrap.fill(
        line.strip(),
        width=88,
        initial_indent="  ",
        subsequent_indent=" " * 15,
        break_long_words=False,  # neither a URL nor a place is broken
        break_on_hyphens=False,
    )
