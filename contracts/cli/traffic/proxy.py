"""The command `proxy`: forward traffic, check it, and print what was found."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from contracts.cli.shared.interrupts import Interrupted, run_until_interrupted
from contracts.report.model import FindingKind
from contracts.text import format_amount, one_line, pluralize
from contracts.traffic.proxy.app import serve_relay
from contracts.traffic.proxy.relay import (
    EntryCallback,
    Relay,
    ignore_entry,
)
from mockserver.cli.common import UsageError, load_providers
from mockserver.recordings.recorder import Recorder
from mockserver.settings import CONTROL_PREFIX

DEFAULT_PORT = 8081  # `serve` has 8080


@click.command()
@click.argument("provider")
@click.option(
    "--upstream",
    required=True,
    metavar="URL",
    help="Base URL to which requests are forwarded.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Host on which the proxy listens.",
)
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on which the proxy listens; 0 takes a free one.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each line as JSON, for programs."
)
@click.option("--quiet", is_flag=True, help="Print no line per request.")
@click.option(
    "--record",
    "folder",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Record each request and response in this folder, for `serve --replay`.",
)
@click.option(
    "--fail",
    is_flag=True,
    help="Exit with status 1 if a documented claim failed.",
)
@click.option(
    "--specs",
    "specs_folder",
    envvar="SPECS_PATH",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="A folder with further provider definitions (also: SPECS_PATH).",
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
    Forward traffic to an upstream, unchanged, and check requests and responses
    against the document of PROVIDER.

    Only the upstream is contacted. The base URL for clients is
    http://HOST:PORT/<provider> and the path of the provider's base URL; it is printed
    at the start. There is no budget: clients pay for their calls at the upstream.
    """
    (loaded,) = load_providers([provider], specs_folder)
    _check_upstream(upstream)
    recorder = None
    if folder is not None:
        try:
            recorder = Recorder(Path(folder))
        except OSError as error:
            raise UsageError(
                f"--record {folder} cannot be written to: {error.strerror or error}. "
                "Choose a folder that you can write to"
            ) from None
    on_entry: EntryCallback = _print_json if as_json else Printer().print_entry
    if quiet:
        on_entry = ignore_entry
    relay = Relay(loaded, upstream, recorder=recorder, on_entry=on_entry)
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
            f"--upstream must be a base URL such as https://…/v1, not '{upstream}'"
        )
    if parts.username or parts.query or parts.fragment:
        raise UsageError(
            "--upstream must be a base URL alone: no key, no query. "
            "The client sends its own key"
        )


async def _serve_until_stopped(
    relay: Relay, host: str, port: int, *, as_json: bool
) -> None:
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

        async def wait() -> None:
            _print_ready(relay, url, as_json=as_json)
            await asyncio.Event().wait()

        # A second interrupt has its usual effect: it does not wait for open requests.
        with contextlib.suppress(Interrupted):
            await run_until_interrupted(wait())


def _print_ready(relay: Relay, url: str, *, as_json: bool) -> None:
    provider = relay.provider
    bases = {provider.id: f"{url}/{provider.id}{provider.base_path}"}
    if as_json:
        ready = {"event": "ready", "url": url, "providers": bases}
        _echo(json.dumps({**ready, "upstream": relay.upstream}))
        return
    _echo(
        f"Forwarding to {relay.upstream}; stop with Ctrl-C.\n"
        f"  {provider.id}  {bases[provider.id]}\n"
        f"Journal of requests and findings: {url}{CONTROL_PREFIX}/journal\n"
    )


def _print_stopped(relay: Relay, *, as_json: bool) -> None:
    totals = relay.totals
    if as_json:
        event = {
            "event": "stopped",
            "exchanges": totals.exchanges,
            "findings": totals.counts_by_kind,
            "broken": totals.breaking_count,
            "recorded": totals.recorded,
        }
        _echo(json.dumps(event))
        return
    kinds = [f"{count} {kind}" for kind, count in totals.counts_by_kind.items()]
    line = f"{pluralize(totals.exchanges, 'request')}; "
    line += f"findings: {', '.join(kinds)}" if kinds else "no findings"
    if kinds:
        line += f" ({totals.breaking_count:,} failed)"
    if totals.recorded:
        line += f"; {totals.recorded:,} recorded"
    _echo(line)


def _print_json(entry: Mapping[str, Any]) -> None:
    _echo(json.dumps({"event": "exchange", **entry}))


class Printer:
    """Prints a line per exchange and its findings, each in full only the first time."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def print_entry(self, entry: Mapping[str, Any]) -> None:
        lines = [click.style("  ".join(_entry_facts(entry)), bold=True)]
        for violation in entry["decision"]["violations"]:
            message = one_line(violation["message"]).rstrip(".")
            source = f"({violation['source']}, {violation['basis']})"
            lines.append(f"    request: {message} {source}")
        for finding in entry["findings"]:
            lines += self._finding_lines(finding)
        lines += [f"    note: {one_line(each)}" for each in entry["notes"]]
        _echo("\n".join(lines))

    def _finding_lines(self, finding: Mapping[str, Any]) -> list[str]:
        verdict = "failed" if finding["breaks"] else "warning"
        kind = f"{verdict}, {finding['kind']}"
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
    state = entry["decision"]["state"] or "not checked"
    facts = [
        f"{entry['method']} {one_line(entry['path'])[:80]}",
        str(entry["status"] or "no response"),
        f"request {state}" if entry["operation"] else state,
        f"{entry['seconds']:.2f} s",
    ]
    if entry["images"]:
        facts.append(pluralize(entry["images"], "image"))
    if entry["cost"].get("amount"):
        facts.append(
            f"{format_amount(entry['cost']['amount'])} {entry['cost']['currency']}"
        )
    return facts


def _echo(text: str) -> None:
    # The reader of the lines may be gone; the traffic goes on.
    with contextlib.suppress(BrokenPipeError):
        click.echo(text)
