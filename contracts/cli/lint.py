"""The command `lint`: validate provider definitions."""

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
    Validate provider definitions. Prints a line per problem: file, line, problem, fix.

    A PATH is the folder of a provider, a folder of such folders, or a file in one. An
    openapi.yaml without a dialect.yaml beside it is not a provider and is skipped.
    Without PATH the providers of this package are validated.

    Exit status: 0 no problems, 1 problems found, 2 no provider at PATH.
    """
    places = [*paths, *([Path(folder)] if folder else [])]
    folders = dict.fromkeys(each for path in places for each in _provider_folders(path))
    if not places:
        folders = dict.fromkeys(
            Path(specs.load(each).file).parent for each in specs.names()
        )
    problems = [problem for each in folders for problem in _problems(each)]
    for problem in problems:
        click.echo(problem, err=True)
    if not problems:
        click.echo(f"{pluralize(len(folders), 'provider')}: no problems")
    return PROBLEMS_FOUND if problems else NO_PROBLEMS


def _provider_folders(path: Path) -> Iterator[Path]:
    """The provider folders at a path. Raises `UsageError` if there are none."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or path.name == SOURCES:
        folders = [folder] if _is_provider(folder) else []
        folders = folders or sorted(filter(_is_provider, folder.iterdir()))
    else:
        folders = [folder] if (folder / DIALECT).is_file() else []
    if not folders and path.name not in (DOCUMENT, SOURCES):
        raise UsageError(
            f"there is no provider at {path}: a provider is a folder with {DOCUMENT} "
            f"and {DIALECT}"
        )
    yield from folders


def _is_provider(folder: Path) -> bool:
    return folder.is_dir() and (
        (folder / DIALECT).is_file() or (folder / DOCUMENT).is_file()
    )


def _problems(folder: Path) -> Iterator[str]:
    """The first problem of a definition, then the operations without test cases."""
    for name in (DOCUMENT, DIALECT):
        if not (folder / name).is_file():
            yield f"{_relative_path(folder / name)}:1: is missing"
            return
    resolved = folder.resolve()
    try:
        provider = specs.load(resolved.name, resolved.parent)
    except specs.SpecError as error:
        pointer = f" (#{error.pointer})" if error.pointer else ""
        place = f"{_relative_path(Path(error.file))}:{_line_number(error)}"
        yield f"{place}: {one_line(f'{error.problem}. {error.remedy}')}{pointer}"
        return
    for model in request_models(provider).values():
        try:
            _ = model.minimal_request
        except PlanError as error:
            line = SourceLines.from_file(provider.file).line_of(model.body.pointer)
            yield f"{_relative_path(folder / DOCUMENT)}:{line}: {one_line(str(error))}"


def _line_number(error: specs.SpecError) -> int:
    """The line of the pointer or, for invalid YAML, the one that the parser names."""
    lines = re.findall(r"line (\d+), column", error.problem)
    if not error.pointer and lines:
        return int(lines[-1])
    return SourceLines.from_file(error.file).line_of(error.pointer)


def _relative_path(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
