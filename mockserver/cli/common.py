"""Shared by all commands: one-line errors, lazy groups, providers and --specs."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

import specs
from mockserver.extras import MissingExtra, require_extra

DEFAULT_PORT = 8080
ENV_PREFIX = "IMAGEPARITY"
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)

CommandTable = dict[str, tuple[str, str]]
"""By name of a command: its `module:function`, and its short help."""


class UsageError(click.ClickException):
    """An error that the user can fix: one line, exit status 2."""

    exit_code = 2


@contextmanager
def _flush_stdout() -> Iterator[None]:
    """Flush stdout at once: an error while the interpreter exits would be lost."""
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()


def _escape_unencodable() -> None:
    """Make stdout escape what its encoding lacks, such as ≤ on Windows."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


class ConciseGroup(click.Group):
    """A group of commands whose errors are one line on stderr."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        _escape_unencodable()
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
            with Path(os.devnull).open("w") as devnull:
                os.dup2(devnull.fileno(), 1)  # for the buffered output
            name = error.filename or "the output"
            click.echo(f"Error: {name} cannot be written: {error.strerror}", err=True)
            raise SystemExit(2) from None
        raise SystemExit(status if isinstance(status, int) else 0)


class LazyGroup(ConciseGroup):
    """
    A group that imports a command only when it is called.

    `extras` has the extra of the distribution that a command needs, by its name.
    """

    def __init__(
        self,
        *args: Any,
        verbs: CommandTable,
        extras: Mapping[str, str] = MappingProxyType({}),
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self._command_table = verbs
        self._extras = extras

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._command_table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._command_table:
            return None
        if cmd_name in self._extras:
            try:
                require_extra(self._extras[cmd_name], f"{ctx.command_path} {cmd_name}")
            except MissingExtra as error:
                if ctx.resilient_parsing:  # a shell completes the line
                    return None
                raise UsageError(str(error)) from None
        module, _, name = self._command_table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. The error for an unknown one names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._command_table, 1)
            if not near:
                raise
            message = f"{error.message} Did you mean '{near[0]}'?"
            raise click.UsageError(message, ctx) from None

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


class GroupedOption(click.Option):
    """
    An option with a section of `--help` and a schema for the file of `--config`.

    `config_schema` is a JSON Schema, None for that of the type of the option.
    `in_config` is False if the option cannot be set in the file.
    """

    def __init__(
        self,
        *args: Any,
        group: str = "Options",
        config_schema: dict[str, Any] | None = None,
        in_config: bool = True,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.group = group
        self.config_schema = config_schema
        self.in_config = in_config


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def grouped_option(group: str, *names: str, **attributes: Any) -> Decorator:
    """An option in a section of `--help`."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


def with_options(options: Sequence[Decorator]) -> Decorator:
    """A decorator that adds options, which `--help` lists in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def environment_option(group: str, *names: str, **attributes: Any) -> Decorator:
    """An option that can also be set by the environment variable of its long name."""
    long = names[0].removeprefix("--").partition("/")[0]
    variable = f"{ENV_PREFIX}_{long.upper().replace('-', '_')}"
    return grouped_option(group, *names, envvar=variable, **attributes)


class GroupedCommand(click.Command):
    """
    A command whose `--help` lists options in sections, in their order.

    `help_group` is the section of options without one, such as `--help`.
    """

    def __init__(
        self, *args: Any, help_group: str = "Configuration", **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.help_group = help_group

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option):
                continue
            record = parameter.get_help_record(ctx)
            if record is not None:
                group = getattr(parameter, "group", self.help_group)
                sections.setdefault(group, []).append(record)
        for group, records in sections.items():
            with formatter.section(group):
                formatter.write_dl(records)


class ProviderName(click.ParamType):  # type: ignore[type-arg]
    """The id of a provider, with shell completion."""

    name = "provider"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        folder = ctx.params.get("folder")
        folders = [folder] if folder else []
        name, at, _ = incomplete.partition("@")
        try:
            known = specs.names(*folders)
            if at:
                days = specs.load(name, *folders).dates.all
                known = tuple(f"{name}@{day}" for day in days)
        except specs.SpecError:  # a shell ignores errors of a completion
            known = specs.names()
        return [CompletionItem(each) for each in known if each.startswith(incomplete)]


PROVIDER = ProviderName()


def _reject_provider_folder(
    _: click.Context, __: click.Parameter, value: str | None
) -> str | None:
    """Raises `UsageError` for the folder of one provider instead of its parent."""
    files = ("openapi.yaml", "dialect.yaml")
    if value is not None and all(Path(value, each).is_file() for each in files):
        parent = os.path.normpath(Path(value, os.pardir))
        if parent.endswith("."):  # `.` and `..` look like the end of a sentence
            parent = os.path.realpath(parent)
        raise UsageError(f"{value} is itself a provider: give --specs {parent}")
    return value


def specs_option(
    command: Callable[..., Any], *, group: str = "Responses"
) -> Callable[..., Any]:
    """Decorate a command with `--specs DIR`, in a section of its `--help`."""
    return click.option(
        "--specs",
        "folder",
        cls=GroupedOption,
        group=group,
        metavar="DIR",
        envvar=[f"{ENV_PREFIX}_SPECS", "SPECS_PATH"],
        type=click.Path(exists=True, file_okay=False),
        callback=_reject_provider_folder,
        help="Folder with further provider definitions (also: SPECS_PATH).",
    )(command)


def load_providers(ids: Sequence[str], folder: str | None) -> "list[specs.Provider]":
    """Load providers by id, or all if there are none. Raises `UsageError`."""
    try:
        return specs.load_all(ids, *([folder] if folder else []))
    except specs.SpecError as error:
        raise UsageError(str(error)) from None


def find_providers(
    ids: Sequence[str], folder: str | None
) -> "list[specs.ProviderEntry]":
    """Find providers by id, or all if there are none. Raises `UsageError`."""
    try:
        return specs.find_all(ids, *([folder] if folder else []))
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
