"""The command `lint`: validate provider definitions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

import specs
from contracts.planning.request_model import PlanError, request_models
from contracts.report.source_lines import SourceLines
from contracts.text import one_line, pluralize
from mockserver.cli.common import UsageError, specs_option
from specs.documents.loading.advice import check_folder
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES

NO_PROBLEMS, PROBLEMS_FOUND = 0, 1


@click.command()
@click.argument(
    "paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path)
)
@specs_option
def lint(paths: tuple[Path, ...], folder: str | None) -> int:
    """
    Validate provider definitions. Prints all problems: file, line, problem, fix.

    A line of YAML that corrects the problem follows it, indented, where there is one.
    A warning is a problem with which the provider can be used.

    A PATH is the folder of a provider, a folder of such folders, or a file in one. An
    openapi.yaml without a dialect.yaml beside it is not a provider and is skipped.
    Without PATH the providers of this package are validated.

    Exit status: 0 no problems or warnings only, 1 problems found, 2 no provider at
    PATH.
    """
    places = [*paths, *([Path(folder)] if folder else [])]
    folders = dict.fromkeys(each for path in places for each in _provider_folders(path))
    if not places:
        folders = dict.fromkeys(
            Path(specs.load(each).file).parent for each in specs.names()
        )
    found = dict.fromkeys(line for each in folders for line in folder_problems(each))
    for problem in found:
        click.echo(problem, err=True)
    warnings = sum(1 for each in found if each.is_warning)
    if len(found) > warnings:
        return PROBLEMS_FOUND
    summary = f"{pluralize(len(folders), 'provider')}: no problems"
    if warnings:
        summary += f", {pluralize(warnings, 'warning')}"
    click.echo(summary)
    return NO_PROBLEMS


@dataclass(frozen=True)
class Problem:
    """A problem at a line of a file, with a line of YAML that corrects it, or empty."""

    file: str
    line: int
    message: str
    paste: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.is_warning else ""
        text = f"{self.file}:{self.line}: {kind}{one_line(self.message)}"
        return f"{text}\n    {one_line(self.paste)}" if self.paste else text


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


def folder_problems(folder: Path) -> list[Problem]:
    """All problems of a definition; without one, the operations without test cases."""
    missing = [name for name in (DOCUMENT, DIALECT) if not (folder / name).is_file()]
    if missing:
        return [Problem(relative_path(folder / missing[0]), 1, "is missing")]
    content, advice = check_folder(folder)
    problems = [_located(each.error, each.is_warning) for each in advice]
    if content.provider is not None:
        problems += _plan_problems(content.provider, folder)
    order = list(dict.fromkeys(each.file for each in problems))
    return sorted(problems, key=lambda each: (order.index(each.file), each.line))


def _located(error: specs.SpecError, is_warning: bool) -> Problem:
    pointer = f" (#{error.pointer})" if error.pointer else ""
    return Problem(
        relative_path(Path(error.file)),
        _line_number(error),
        f"{error.problem}. {error.remedy}{pointer}",
        error.paste,
        is_warning,
    )


def _plan_problems(provider: specs.Provider, folder: Path) -> Iterator[Problem]:
    for model in request_models(provider).values():
        try:
            _ = model.minimal_request
        except PlanError as error:
            line = SourceLines.from_file(provider.file).line_of(model.body.pointer)
            yield Problem(relative_path(folder / DOCUMENT), line, str(error))


def _line_number(error: specs.SpecError) -> int:
    """The line of the pointer or, for invalid YAML, the one that the parser names."""
    lines = re.findall(r"line (\d+), column", error.problem)
    if not error.pointer and lines:
        return int(lines[-1])
    return SourceLines.from_file(error.file).line_of(error.pointer)


def relative_path(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
