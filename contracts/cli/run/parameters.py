"""The arguments and options of `run`, in the order of `--help`."""

from functools import partial
from pathlib import Path

import click

from contracts.cli.shared.call_options import server_call_options
from contracts.cli.shared.options import (
    HOST,
    history_option,
    no_color_option,
    path_option,
    report_format_options,
    sarif_document_option,
)
from contracts.execution.targets import LIVE_RATE
from contracts.execution.tasks.waiting import DEFAULT_INTERVAL, DEFAULT_TIMEOUT
from contracts.report.failure_policy import fail_on_option
from mockserver.cli.common import PROVIDER, Decorator, specs_option, with_options
from mockserver.cli.common import grouped_option as _option
from specs.requirement_sets import requirement_set_names

_PARAMETERS: tuple[Decorator, ...] = (
    click.argument(
        "provider",
        nargs=-1,
        type=PROVIDER,
        metavar="[PROVIDER | [LABEL:]PROVIDER=URL]...",
    ),
    # Server under test
    _option(
        "Server under test",
        "--against",
        metavar="BASE_URL",
        help="Base URL of the server to test. It claims to be compatible with "
        "PROVIDER.",
    ),
    _option(
        "Server under test",
        "--key-env",
        metavar="VAR",
        help="Environment variable that holds the API key. The default is the variable "
        "in the provider's dialect.yaml.",
    ),
    server_call_options,
    _option(
        "Server under test",
        "--live",
        is_flag=True,
        allow_from_autoenv=False,
        help="Allow a server that is not on this machine. Requires --budget.",
    ),
    _option(
        "Server under test",
        "--budget",
        type=click.FloatRange(0, min_open=True),
        allow_from_autoenv=False,
        metavar="AMOUNT",
        help="Stop before the run costs more than AMOUNT, in the provider's currency "
        "(exit status 3).",
    ),
    _option(
        "Server under test",
        "--rate",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help=f"Send at most N requests per minute. With --live the default is "
        f"{LIVE_RATE:.0f}, else there is no limit.",
    ),
    _option(
        "Server under test",
        "--fetch-from",
        multiple=True,
        type=HOST,
        metavar="HOST",
        help="Also fetch the images that responses link to at this host, without the "
        "API key. Can be repeated. The default is the tested server only.",
    ),
    _option(
        "Server under test",
        "--task-timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Time for a long-running task to end, after which its case is not tested. "
        f"The default is {DEFAULT_TIMEOUT:g}.",
    ),
    _option(
        "Server under test",
        "--task-interval",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Time between two reads of a task, and more where the server says so in "
        "Retry-After. The default is that of the provider's document, else "
        f"{DEFAULT_INTERVAL:g}.",
    ),
    # Test cases
    _option(
        "Test cases",
        "--seed",
        default=0,
        show_default=True,
        help="Seed for generated cases. The same seed gives the same requests.",
    ),
    _option(
        "Test cases",
        "--max-cases",
        type=click.IntRange(1),
        metavar="N",
        help="Stop after N test cases (exit status 3).",
    ),
    _option(
        "Test cases",
        "--repeat",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Send each test case N times: reports then have pass rates with 95 % "
        "intervals, and response times. A --budget counts each request.",
    ),
    _option(
        "Test cases",
        "--requirements",
        type=click.Choice(requirement_set_names()),
        metavar="NAME",
        help="Also judge by a frozen set of requirements: reports then say which level "
        f"each server reaches. Known are: {', '.join(requirement_set_names())}.",
    ),
    _option(
        "Test cases",
        "--only",
        multiple=True,
        metavar="PART",
        help="Run only cases with PART in their id. Can be repeated.",
    ),
    _option(
        "Test cases",
        "--no-fuzz",
        is_flag=True,
        help="Run the planned cases only, without randomly generated ones.",
    ),
    _option(
        "Test cases",
        "--second-opinion/--no-second-opinion",
        default=None,
        help="Also generate and check requests with schemathesis. On by default, off "
        "with --live and --no-fuzz.",
    ),
    _option(
        "Test cases",
        "--examples",
        "examples_folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=".imageparity",
        show_default=True,
        metavar="DIR",
        help="Folder for the last report and for generated cases that led to findings, "
        "which the next run sends again.",
    ),
    _option(
        "Test cases",
        "--dry-run",
        is_flag=True,
        help="List the cases and a cost estimate at list prices. Send nothing.",
    ),
    _option(
        "Test cases",
        "--resume",
        type=click.Path(dir_okay=False, exists=True),
        metavar="REPORT",
        help="Continue the stopped run of this report.",
    ),
    partial(specs_option, group="Test cases"),
    # Comparison
    _option(
        "Comparison",
        "--same-questions",
        is_flag=True,
        help="Send the same requests to all servers and compare their behavior.",
    ),
    _option(
        "Comparison",
        "--unlisted",
        is_flag=True,
        help="With --same-questions: also send parameters that a provider does not "
        "document.",
    ),
    # Recordings
    _option(
        "Recordings",
        "--record",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Record each request and response in this folder, without API keys.",
    ),
    _option(
        "Recordings",
        "--replay",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        metavar="DIR",
        help="Check the responses recorded in this folder. Send nothing.",
    ),
    _option(
        "Recordings",
        "--bundle",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the report and all requests and responses, without secrets, to "
        "this file, for `verify`. Remembered cases are not sent.",
    ),
    # Reports
    _option(
        "Reports",
        "--report",
        "report_path",
        type=path_option,
        help="Write the full report to this file (JSON lines; see `show`).",
    ),
    report_format_options,
    sarif_document_option,
    history_option,
    fail_on_option,
    # Output
    _option(
        "Output",
        "--quiet",
        is_flag=True,
        help="Print only the result: no progress and no findings.",
    ),
    no_color_option,
)


run_parameters = with_options(_PARAMETERS)
