"""Commands of the command line in the process of the tests, which has their imports."""

import contextlib
import os
from subprocess import CompletedProcess

from click.testing import CliRunner

from contracts.cli.main import main


def run_command(
    *words: object, cwd: str | os.PathLike[str] = ".", **environment: str
) -> CompletedProcess[str]:
    """
    Exit status and output of a command; an exception of it is raised.

    A test that needs the process itself starts one: for signals, terminals, imports
    and what is written while Python ends.
    """
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(
            main,
            [str(each) for each in words],
            prog_name="contracts",
            env=environment,
            catch_exceptions=False,
        )
    return CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
