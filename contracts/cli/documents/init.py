"""The command `init`: write a provider definition to start from."""

from pathlib import Path

import click

import specs
from contracts.cli.documents.lint import folder_problems
from contracts.scaffold.draft import Draft, ScaffoldError, check_name, write_folder
from contracts.text import pluralize
from mockserver.cli.common import PROVIDER, UsageError

FOLDER = Path("providers")


@click.command("init")
@click.argument("name")
@click.option(
    "--like",
    type=PROVIDER,
    metavar="PROVIDER",
    help="Begin with the operations and fields of a provider that ships.",
)
@click.option(
    "--from",
    "openapi",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Begin with an OpenAPI document, 3.0 or 3.1, in YAML or JSON.",
)
@click.option(
    "--from-recordings",
    "recordings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Begin with what `proxy --record` recorded.",
)
def init(
    name: str, like: str | None, openapi: Path | None, recordings: Path | None
) -> int:
    """
    Write the definition of a provider into providers/NAME, to start from.

    Without an option, it is a minimal provider with comments. An existing folder is
    left as it is.

    Exit status: 0 written, 2 not written.
    """
    if sum(each is not None for each in (like, openapi, recordings)) > 1:
        raise UsageError("give one of --like, --from and --from-recordings")
    folder = FOLDER / name
    draft = None
    try:
        check_name(name, specs.names())
        if like is not None:
            draft = _draft_like(name, like)
        elif openapi is not None:
            from contracts.scaffold.from_openapi import draft_from_openapi

            draft = draft_from_openapi(name, openapi)
        elif recordings is not None:
            from contracts.scaffold.from_recordings import draft_from_recordings

            draft = draft_from_recordings(name, recordings)
        write_folder(_files(name, draft), folder)
    except ScaffoldError as error:
        raise UsageError(str(error)) from None
    _show(name, folder, draft)
    return 0


def _draft_like(name: str, provider_id: str) -> Draft:
    from contracts.scaffold.from_provider import draft_like

    try:
        provider = specs.load(provider_id)
    except specs.SpecError as error:
        raise UsageError(f"--like: {error}") from None
    return draft_like(name, provider, Path(provider.file).parent)


def _files(name: str, draft: Draft | None) -> dict[str, str]:
    if draft is None:
        from contracts.scaffold.from_nothing import minimal_files

        return minimal_files(name)
    return draft.files()


def _show(name: str, folder: Path, draft: Draft | None) -> None:
    """Print what was written, what is left to do, and the next commands."""
    click.echo(f"Wrote {', '.join(str(each) for each in sorted(folder.iterdir()))}")
    for title, lines in (
        ("Added, since it is not stated:", draft.added if draft else ()),
        ("Left out:", draft.left_out if draft else ()),
        ("To fill in:", draft.to_do if draft else _MINIMAL_TO_DO),
    ):
        if lines:
            click.echo(f"\n{title}")
        for line in dict.fromkeys(lines):
            click.echo(f"  - {line}")
    problems = [each for each in folder_problems(folder) if not each.is_warning]
    if problems:
        click.echo(f"\n{pluralize(len(problems), 'problem')} to fix by hand:")
        for problem in problems:
            click.echo(f"  {problem}")
    click.echo(
        f"\nNext:\n"
        f"  imageparity lint {FOLDER}\n"
        f"  imageparity serve {name} --specs {FOLDER}\n"
        f"  imageparity run {name} --specs {FOLDER}"
    )


_MINIMAL_TO_DO = (
    "the base URL, in openapi.yaml and dialect.yaml",
    "the models, fields and errors that are different at yours",
    "sources.yaml: the pages that state them, instead of TODO",
)
