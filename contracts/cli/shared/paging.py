"""Show long text in a pager."""

import sys
from collections.abc import Callable

import click
from rich.console import Console


def print_with_pager(
    print_to: Callable[[Console], None], console: Console, *, use_pager: bool = True
) -> None:
    """
    Print text, in the pager of the environment if it is longer than the terminal.

    There is no pager if the output is not a terminal.
    """
    if not (use_pager and sys.stdin.isatty() and sys.stdout.isatty()):
        print_to(console)
        return
    with console.capture() as capture:
        print_to(console)
    text = capture.get()
    if text.count("\n") < console.height:
        click.echo(text, nl=False)
    else:
        click.echo_via_pager(text)
