"""`imageparity proxy`: the command, and what it prints."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from contracts.report.model import FindingKind
from contracts.text import format_amount, one_line, pluralize
from contracts.traffic.proxy.app import serve_relay
from contracts.traffic.proxy.proxy import (
    CONTROL_PREFIX,
    EntryCallback,
    Relay,
    ignore_entry,
)
from mockserver.cli.common import UsageError, load_providers
from mockserver.recordings.recorder import Recorder

DEFAULT_PORT = 8081  # beside `serve`


@click.command()
@click.argument("provider")
@click.option(
    "--upstream", required=True, metavar="URL", help="The base URL to pass on to."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Each line as JSON, for programs."
)
@click.option("--quiet", is_flag=True, help="No line for each exchange.")
@click.option(
    "--record",
    "folder",
    type=click.Path(file_okay=False),
    help="Write exchanges into this folder, for `serve --replay`.",
)
@click.option("--fail", is_flag=True, help="Exit status 1 if a promise was broken.")
@click.option(
    "--specs",
    "specs_folder",
    envvar="SPECS_PATH",
    type=click.Path(exists=True, file_okay=False),
    help="A folder of further providers' folders.",
)
def proxy(
    provider: str,
    upstream: str,
    host: str,
    port: int,
    as_json: bool,
    quiet: bool,
    folder: str | None,
    fail: bool,
    specs_folder: str | None,
) -> None:
    """
    Pass traffic on to an upstream, unchanged, and hold both directions against the
    document of PROVIDER.

    Nothing but the upstream is contacted. A client finds it at
    http://HOST:PORT/<provider> and the path of the provider's base URL. What its calls
    cost at the upstream is the client's own spending: there is no budget here.
    """
    found = load_providers([provider], specs_folder)[0]
    _check_upstream(upstream)
    recorder = None
    if folder is not None:
        try:
            recorder = Recorder(Path(folder))
        except OSError as error:
            raise UsageError(
                f"--record {folder} cannot be written to: {error.strerror or error}. "
                "Choose a folder of yours"
            ) from None
    say: EntryCallback = _print_json if as_json else Printer().print_entry
    if quiet:
        say = ignore_entry
    relay = Relay(found, upstream, recorder=recorder, on_entry=say)
    asyncio.run(_serve_until_stopped(relay, host, port, as_json=as_json))
    _print_stopped(relay, as_json=as_json)
    raise SystemExit(1 if fail and relay.totals.breaking_count else 0)


def _check_upstream(upstream: str) -> None:
    try:
        parts = urlsplit(upstream)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
        is_url = is_url and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise UsageError(
            f"--upstream takes a base URL such as https://…/v1, not '{upstream}'"
        )
    if parts.username or parts.query or parts.fragment:
        raise UsageError(
            "--upstream takes a base URL alone: no key, no query. "
            "The client sends its own key"
        )


async def _serve_until_stopped(
    relay: Relay, host: str, port: int, *, as_json: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(
                serve_relay(relay, host=host, port=port)
            )
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port}: {error.strerror or error}. "
                "Choose another --port (0 takes any that is free)"
            ) from None
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop.set)
        _print_ready(relay, url, as_json=as_json)
        await stop.wait()
        for each in (signal.SIGINT, signal.SIGTERM):  # a second one does not wait
            loop.remove_signal_handler(each)


def _print_ready(relay: Relay, url: str, *, as_json: bool) -> None:
    provider = relay.provider
    bases = {provider.id: f"{url}/{provider.id}{provider.base_path}"}
    if as_json:
        ready = {"event": "ready", "url": url, "providers": bases}
        _echo(json.dumps({**ready, "upstream": relay.upstream}))
        return
    _echo(
        f"Passing on to {relay.upstream}; stop with Ctrl-C.\n"
        f"  {provider.id}  {bases[provider.id]}\n"
        f"What came and what was found: {url}{CONTROL_PREFIX}/journal\n"
    )


def _print_stopped(relay: Relay, *, as_json: bool) -> None:
    tally = relay.totals
    if as_json:
        line = {
            "event": "stopped",
            "exchanges": tally.exchanges,
            "findings": tally.counts_by_kind,
            "broken": tally.breaking_count,
            "recorded": tally.recorded,
        }
        _echo(json.dumps(line))
        return
    kinds = [f"{count} {kind}" for kind, count in tally.counts_by_kind.items()]
    said = f"{pluralize(tally.exchanges, 'exchange')}; "
    said += f"findings: {', '.join(kinds)}" if kinds else "no findings"
    if kinds:
        said += f" ({pluralize(tally.breaking_count, 'broken promise')})"
    if tally.recorded:
        said += f"; {tally.recorded:,} recorded"
    _echo(said)


def _print_json(entry: Mapping[str, Any]) -> None:
    _echo(json.dumps({"event": "exchange", **entry}))


class Printer:
    """A line for each exchange, and under it what is wrong; in full the first time."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def print_entry(self, entry: Mapping[str, Any]) -> None:
        lines = [click.style("  ".join(_entry_facts(entry)), bold=True)]
        for each in entry["decision"]["violations"]:
            said = one_line(each["message"]).rstrip(".")
            lines.append(f"    request: {said} ({each['source']}, {each['basis']})")
        for each in entry["findings"]:
            lines += self._finding_lines(each)
        lines += [f"    note: {one_line(each)}" for each in entry["notes"]]
        _echo("\n".join(lines))

    def _finding_lines(self, finding: Mapping[str, Any]) -> list[str]:
        kind = f"{finding['kind']}{', broken promise' if finding['breaks'] else ''}"
        colour = "red" if finding["breaks"] else "yellow"
        lines = [f"    {click.style(kind, fg=colour)}: {one_line(finding['message'])}"]
        if (
            finding["kind"] != FindingKind.UNDOCUMENTED
            and finding["fingerprint"] not in self._seen
        ):
            lines.append(f"        expected: {one_line(finding['expected'])}")
            lines.append(f"        {finding['claim']} ({one_line(finding['source'])})")
        self._seen.add(finding["fingerprint"])
        return lines


def _entry_facts(entry: Mapping[str, Any]) -> list[str]:
    state = entry["decision"]["state"] or "not judged"
    facts = [
        f"{entry['method']} {one_line(entry['path'])[:80]}",
        str(entry["status"] or "no answer"),
        f"request {state}" if entry["operation"] else state,
        f"{entry['seconds']:.2f} s",
    ]
    if entry["images"]:
        facts.append(pluralize(entry["images"], "picture"))
    if entry["cost"].get("amount"):
        facts.append(
            f"{format_amount(entry['cost']['amount'])} {entry['cost']['currency']}"
        )
    return facts


def _echo(text: str) -> None:
    # Whoever read our lines may have gone; the traffic goes on.
    with contextlib.suppress(BrokenPipeError):
        click.echo(text)
