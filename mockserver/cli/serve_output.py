"""The output of `serve` on stdout: its URLs at the start, its totals at the end."""

import contextlib
import ipaddress
import json
import sys
from collections.abc import Sequence
from shlex import quote as quote_word
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mockserver.state.statistics import Totals, cost_summary

if TYPE_CHECKING:
    from specs import KeyScheme, Provider, ProviderEntry


class ServeOutput:
    """
    Prints that a server is ready, and that it has stopped.

    `address` is the IP address and port that it listens on. If that is every address
    of this machine, `url` and the URLs of providers have the one for clients on it.
    `as_json` prints one line of JSON for each. With `public_url` the URLs of providers
    begin with it.
    """

    def __init__(
        self,
        providers: "Sequence[ProviderEntry]",
        address: Sequence[Any],
        token: str | None,
        *,
        as_json: bool,
        scheme: str = "http",
        public_url: str | None = None,
    ) -> None:
        host, port = address[:2]
        self._is_everywhere = ipaddress.ip_address(host).is_unspecified
        if self._is_everywhere:
            host = "::1" if ":" in host else "127.0.0.1"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self._public_url = public_url
        root = public_url or self.url
        self._base_urls = {
            each.id: f"{root}/{each.id}{each.base_path}" for each in providers
        }
        self._days = {each.id: each.day for each in providers if each.day}
        self._root, self._first = root, providers[0]
        self._token = token
        self._as_json = as_json

    def print_ready(self) -> None:
        if not self._as_json:
            _print_line("\n".join(self._startup_lines()))
            return
        more = {"control_token": self._token} if self._token else {}
        if self._public_url:
            more["public_url"] = self._public_url
        _print_event("ready", url=self.url, providers=self._base_urls, **more)

    def print_stopped(self, totals: Totals) -> None:
        costs = totals.costs()
        if self._as_json:
            _print_event("stopped", **costs["total"])
        else:
            _print_line(f"{cost_summary(costs)}.")

    def _day_text(self, name: str) -> str:
        """The day as of which a document is served."""
        return f"  as of {self._days[name]}" if name in self._days else ""

    def _startup_lines(self) -> list[str]:
        width = max(map(len, self._base_urls))
        provider = self._first.provider
        path, body = _first_request(provider)
        query, key_headers = _example_key(provider.key_schemes)
        url = f"{self._root}{path}{query}"
        count = len(self._base_urls)
        others = ", on all addresses of this machine" if self._is_everywhere else ""
        others += f", for clients of {self._public_url}" if self._public_url else ""
        lines = [
            f"Serving {count} provider(s) at {self.url}{others}; stop with Ctrl-C.",
            *(
                f"  {name:<{width}}  {base}{self._day_text(name)}"
                for name, base in self._base_urls.items()
            ),
            "",
            "Try it:",
            f"  curl {quote_word(url)} \\",
            *(f"    -H '{each}' \\" for each in key_headers),
            "    -H 'Content-Type: application/json' \\",
            f"    -d {quote_word(body)}",
        ]
        token = f"?token={quote(self._token, safe='')}" if self._token else ""
        lines.append(f"Inspector: {self.url}/__mock__/{token}")
        if self._token:
            lines.append(f"Header for the control API: X-Mock-Token: {self._token}")
        return lines


def _first_request(provider: "Provider") -> tuple[str, str]:
    """Path and JSON body of the first request with an example."""
    from mockserver.pipeline.endpoints.examples import (
        PROMPT,
        example_bodies,
        example_path,
        served_path,
    )

    for operation in provider.operations.values():
        for body in example_bodies(provider, operation):
            return example_path(provider, operation), json.dumps(body)
    path = served_path(provider, provider.any_operation)
    return path, json.dumps({"model": provider.dialect.model, "prompt": PROMPT})


def _example_key(schemes: "Sequence[KeyScheme]") -> tuple[str, list[str]]:
    """The query string and the headers that have an API key for an example."""
    scheme = next(iter(schemes), None)
    if scheme is None:
        return "", []
    from specs import KeyPlace

    if scheme.place is KeyPlace.QUERY:
        return f"?{scheme.name}=test", []
    prefix = "Bearer " if scheme.place is KeyPlace.BEARER else ""
    return "", [f"{scheme.name}: {prefix}test"]


def _print_event(event: str, **fields: Any) -> None:
    _print_line(json.dumps({"event": event, **fields}))


def _print_line(text: str) -> None:
    # The parent may have closed the pipe after the first line.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
