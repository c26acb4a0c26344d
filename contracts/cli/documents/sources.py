"""The command `sources`: the pages that claims rely on, and whether they changed."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import click

from contracts.sources.check import (
    SourceResult,
    Status,
    check_source,
    list_source,
    needs_check,
    record_source,
)
from contracts.sources.citations import CitedSource, cited_sources
from contracts.sources.fetch import fetch_pages, read_saved_pages
from contracts.sources.fingerprints import (
    FILE,
    RecordedPage,
    builtin_folder,
    read_fingerprints,
    write_fingerprints,
)
from contracts.sources.lines import Page
from contracts.sources.listing import check_lines, list_lines, record_lines, source_row
from mockserver.cli.common import PROVIDER, UsageError, load_providers, specs_option
from specs import SpecError
from specs.documents.reading.references import did_you_mean

FRESH, DOUBTFUL = 0, 1
Sources = Mapping[str, CitedSource]
Recorded = Mapping[str, RecordedPage]


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Read the pages, and list the claims that became doubtful.",
)
@click.option(
    "--record",
    "is_record",
    is_flag=True,
    help="Read the pages, and write their facts into fingerprints.yaml: in the folder "
    "of --specs, else in this package.",
)
@click.option(
    "--source",
    multiple=True,
    metavar="ID",
    help="Only this source, such as R-err. Can be repeated.",
)
@click.option(
    "--pages",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Read saved pages, such as DIR/R-err.html, .md or .txt, not the network.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="For one page.",
)
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    default=1,
    show_default=True,
    metavar="SECONDS",
    help="Between two requests to the same host.",
)
@click.option(
    "--verbose", "is_verbose", is_flag=True, help="Print each place of each source."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@specs_option
def sources(
    provider: tuple[str, ...],
    is_check: bool,
    is_record: bool,
    source: tuple[str, ...],
    pages: Path | None,
    timeout: float,
    delay: float,
    is_verbose: bool,
    as_json: bool,
    folder: str | None,
) -> int:
    """
    List the pages that the claims of each PROVIDER (default: all) rely on.

    Per source: its day, the number of its claims, and a fingerprint of the recorded
    facts at the places that they cite: names, numbers, values and words such as
    "required". Other words of a page may change.

    --check reads the pages and compares. Claims are doubtful if a fact at their place
    is gone or new. What was never recorded, or cannot be read now, is listed as such.

    Exit status: 0 nothing doubtful, 1 doubtful claims, 2 nothing could be checked.
    """
    if is_check and is_record:
        raise UsageError("give one of --check and --record")
    if pages and not (is_check or is_record):
        raise UsageError("--pages goes with --check or --record: add one")
    cited = _select(cited_sources(load_providers(provider, folder)), source)
    try:
        recorded = read_fingerprints(*([folder] if folder else []))
    except SpecError as error:
        raise UsageError(str(error)) from None

    def read(wanted: Sources) -> dict[str, Page | str]:
        if pages:
            return read_saved_pages(pages, wanted)
        urls = {id_: each.source.url for id_, each in wanted.items()}
        found = asyncio.run(fetch_pages(urls.values(), timeout=timeout, delay=delay))
        return {id_: found[url] for id_, url in urls.items()}

    if is_record:
        wanted = {id_: each for id_, each in cited.items() if not each.no_page}
        made = _record(wanted, recorded, read(wanted), folder)
        results, lines = made, record_lines(made)
    elif is_check:
        wanted = {
            id_: each
            for id_, each in cited.items()
            if needs_check(each, recorded.get(id_))
        }
        results = _check(cited, recorded, read(wanted))
        lines = check_lines(results, is_verbose=is_verbose)
    else:
        results = [list_source(cited[id_], recorded.get(id_)) for id_ in cited]
        lines = list_lines(results, is_verbose=is_verbose)
    _print(results, lines, as_json=as_json)
    return _status(results, is_check=is_check, is_record=is_record)


def _select(cited: Sources, ids: Iterable[str]) -> Sources:
    """The sources of these ids; all if there are none. Raises `UsageError`."""
    for id_ in ids:
        if id_ not in cited:
            hint = did_you_mean(id_, cited)
            raise UsageError(f"--source {id_}: no claim cites it. {hint}".strip())
    return {id_: cited[id_] for id_ in ids} or cited


def _check(
    cited: Sources, recorded: Recorded, pages: Mapping[str, Page | str]
) -> list[SourceResult]:
    return [
        check_source(each, recorded[id_], pages[id_])
        if id_ in pages
        else list_source(each, recorded.get(id_))
        for id_, each in cited.items()
    ]


def _record(
    cited: Sources,
    recorded: Recorded,
    pages: Mapping[str, Page | str],
    folder: str | None,
) -> list[SourceResult]:
    """Record pages. Raises `UsageError` if they cannot be written."""
    today = date.today().isoformat()  # noqa: DTZ011  the user's own day
    results, made = [], {}
    for id_, each in cited.items():
        result, page = record_source(each, recorded.get(id_), pages[id_], today)
        results.append(result)
        if page is not None:
            made[id_] = page
    if made:
        place = Path(folder) if folder else builtin_folder()
        try:
            write_fingerprints(place, made)
        except SpecError as error:
            raise UsageError(str(error)) from None
        except OSError as error:
            raise UsageError(f"{place / FILE} cannot be written: {error}") from None
    return results


def _print(
    results: Iterable[SourceResult], lines: Iterable[str], *, as_json: bool
) -> None:
    if as_json:
        rows = (json.dumps(source_row(each), ensure_ascii=False) for each in results)
        lines = rows
    for line in lines:
        click.echo(line)


def _status(results: Iterable[SourceResult], *, is_check: bool, is_record: bool) -> int:
    """The exit status. Raises `UsageError` if nothing was checked or recorded."""
    found = {place.status for result in results for place in result.places}
    if is_record and Status.RECORDED not in found:
        raise UsageError("no page could be recorded")
    if not is_check:
        return FRESH
    if Status.DOUBTFUL in found:
        return DOUBTFUL
    if Status.UNCHANGED in found:
        return FRESH
    raise UsageError(
        "nothing could be checked: no page could be read"
        if Status.NOT_CHECKED in found
        else "nothing could be checked: no fingerprint is recorded, see --record"
    )
