"""`imageparity lint`: whether providers' folders are understood, and where not."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

import specs
from contracts.planning.request_model import PlanError, request_models
from contracts.report.source_lines import SourceLines
from contracts.text import one_line, pluralize
from mockserver.cli.common import UsageError, specs_option

NO_PROBLEMS, PROBLEMS_FOUND = 0, 1
DIALECT, DOCUMENT, SOURCES = "dialect.yaml", "openapi.yaml", "sources.yaml"


@click.command()
@click.argument(
    "paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path)
)
@specs_option
def lint(paths: tuple[Path, ...], folder: str | None) -> int:
    """
    Tell what is wrong in folders of providers, a line each: file, line, what to do.

    A PATH is a provider's folder, one that holds some, or a file in one; files of
    these names that are about something else (an openapi.yaml without a dialect.yaml
    beside it) are passed over. Without any, what ships is looked at. Exit status: 0
    nothing is wrong, 1 something is, 2 a PATH is about no provider.
    """
    given = [*paths, *([Path(folder)] if folder else [])]
    found = dict.fromkeys(each for path in given for each in _provider_folders(path))
    if not given:
        found = dict.fromkeys(
            Path(specs.load(each).file).parent for each in specs.names()
        )
    problems = [problem for each in found for problem in _problems(each)]
    for problem in problems:
        click.echo(problem, err=True)
    if not problems:
        click.echo(f"{pluralize(len(found), 'provider')}: nothing is wrong")
    return PROBLEMS_FOUND if problems else NO_PROBLEMS


def _provider_folders(path: Path) -> Iterator[Path]:
    """The providers' folders that a path is about. Raises `Usage` for none."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or path.name == SOURCES:
        found = [folder] if _is_provider(folder) else []
        found = found or sorted(each for each in folder.iterdir() if _is_provider(each))
    else:
        found = [folder] if (folder / DIALECT).is_file() else []
    if not found and path.name not in (DOCUMENT, SOURCES):
        raise UsageError(
            f"{path} is about no provider: a provider is a folder with {DOCUMENT} and "
            f"{DIALECT}"
        )
    yield from found


def _is_provider(folder: Path) -> bool:
    return folder.is_dir() and (
        (folder / DIALECT).is_file() or (folder / DOCUMENT).is_file()
    )


def _problems(folder: Path) -> Iterator[str]:
    """The first thing that keeps a folder from being understood, or from use."""
    for name in (DOCUMENT, DIALECT):
        if not (folder / name).is_file():
            yield f"{_relative_path(folder / name)}:1: is missing"
            return
    resolved = folder.resolve()
    try:
        provider = specs.load(resolved.name, resolved.parent)
    except specs.SpecError as error:
        place = f" (#{error.pointer})" if error.pointer else ""
        told = f"{error.problem}. {error.remedy}"
        at = f"{_relative_path(Path(error.file))}:{_line_number(error)}"
        yield f"{at}: {one_line(told)}{place}"
        return
    for desk in request_models(provider).values():
        try:
            _ = desk.minimal_request
        except PlanError as error:
            line = SourceLines.from_file(provider.file).line_of(desk.body.pointer)
            yield f"{_relative_path(folder / DOCUMENT)}:{line}: {one_line(str(error))}"


def _line_number(error: specs.SpecError) -> int:
    """Where it is: by its pointer or, what is no YAML, as the parser says."""
    said = re.findall(r"line (\d+), column", error.problem)
    if not error.pointer and said:
        return int(said[-1])
    return SourceLines.from_file(error.file).line_of(error.pointer)


def _relative_path(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
