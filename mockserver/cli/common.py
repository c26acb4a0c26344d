"""What all commands share: errors in one line, lazy groups, providers and --specs."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import specs

if TYPE_CHECKING:
    pass


DEFAULT_PORT = 8080
ENV_PREFIX = "IMAGEPARITY"
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)  # no fault of ours

CommandTable = dict[str, tuple[str, str]]
"""Per verb: where its command lives, and its short help."""


class UsageError(click.ClickException):
    """Something the user can mend: one line, exit status 2."""

    exit_code = 2


@contextmanager
def _flush_stdout() -> Iterator[None]:
    """Nothing is left to be written when the interpreter ends: nobody would hear."""
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()


class ConciseGroup(click.Group):
    """Commands whose complaints are one line: what is wrong, and what to do."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            with _flush_stdout():
                status = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            raise SystemExit(error.exit_code) from None
        except click.ClickException as error:
            message = " ".join(error.format_message().split())
            context = getattr(error, "ctx", None)
            hint = f"; see {context.command_path} --help" if context else ""
            click.echo(f"Error: {message.rstrip('.')}{hint}", err=True)
            raise SystemExit(error.exit_code) from None
        except click.Abort:
            raise SystemExit(1) from None
        except OSError as error:
            if error.errno not in DISK_FULL_ERRNOS:
                raise
            with Path(os.devnull).open("w") as nowhere:  # what is left to be written
                os.dup2(nowhere.fileno(), 1)
            what = error.filename or "the output"
            click.echo(f"Error: {what} cannot be written: {error.strerror}", err=True)
            raise SystemExit(2) from None
        raise SystemExit(status if isinstance(status, int) else 0)


class LazyGroup(ConciseGroup):
    """A group that imports a command only when it is called."""

    def __init__(self, *args: Any, verbs: CommandTable, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self._command_table = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._command_table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._command_table:
            return None
        module, _, name = self._command_table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(verb, help) for verb, (_, help) in self._command_table.items()]
            )

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        return [
            *(
                CompletionItem(verb, help=help)
                for verb, (_, help) in self._command_table.items()
                if verb.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


class ProviderName(click.ParamType):  # type: ignore[type-arg]
    """The id of a provider; a shell can complete it."""

    name = "provider"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        folder = ctx.params.get("folder")
        try:
            known = specs.names(*([folder] if folder else []))
        except specs.SpecError:  # there is nobody to tell: a shell is asking
            known = specs.names()
        return [CompletionItem(each) for each in known if each.startswith(incomplete)]


PROVIDER = ProviderName()


def specs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--specs DIR`, for every command that takes providers."""
    return click.option(
        "--specs",
        "folder",
        envvar=[f"{ENV_PREFIX}_SPECS", "SPECS_PATH"],
        type=click.Path(exists=True, file_okay=False),
        help="A folder of further providers' folders (also: SPECS_PATH).",
    )(command)


def load_providers(ids: Sequence[str], folder: str | None) -> list[specs.Provider]:
    """The providers of these ids, or all. Raises `Usage`."""
    try:
        return specs.load_all(ids, *([folder] if folder else []))
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
