"""The options of `serve` for pages of other origins, proxies, HTTPS and image URLs."""

import base64
from urllib.parse import urlsplit

import click

from mockserver.cli.common import UsageError
from mockserver.cli.common import environment_option as _option


def _validate_origins(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    origins = []
    for value in values:
        parts = urlsplit(value)
        is_origin = bool(parts.scheme and parts.netloc) and parts.path in {"", "/"}
        if value not in {"*", "null"} and not (is_origin and not parts.query):
            raise UsageError(
                "--cors takes * or the origin of a page, such as "
                f"http://localhost:3000, not '{value}'"
            )
        origins.append(value.rstrip("/"))
    return tuple(origins)


def _validate_public_url(
    _: click.Context, __: click.Parameter, value: str | None
) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    is_http = parts.scheme in {"http", "https"} and bool(parts.hostname)
    if not is_http or parts.query or parts.fragment:
        raise UsageError(
            "--public-url takes a URL such as https://mock.example/ai, without a "
            f"query, not '{value}'"
        )
    return value.rstrip("/")


def _validate_hosts(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if not value or set(value) & set("/@?# ") or value.count(":") == 1:
            raise UsageError(
                "--webhook-host takes the name of a host, such as hooks.test, without "
                f"scheme and port, not '{value}'"
            )
    return values


def _validate_webhook_secret(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        is_valid = bool(base64.b64decode(value.removeprefix("whsec_"), validate=True))
    except ValueError:
        is_valid = False
    if not is_valid or not value.startswith("whsec_"):
        raise UsageError("--webhook-secret is whsec_ and the base64 of a key")
    return value


NETWORK_OPTIONS = (
    _option(
        "Server",
        "--cors",
        multiple=True,
        callback=_validate_origins,
        metavar="ORIGIN",
        config_schema={"type": "array", "items": {"type": "string", "minLength": 1}},
        help="Let pages of this origin call the providers, * for all; repeatable. "
        "Never for the control API.",
    ),
    _option(
        "Server",
        "--public-url",
        callback=_validate_public_url,
        metavar="URL",
        config_schema={"type": "string", "pattern": "^https?://"},
        help="URL of the server for its clients, if it is behind a proxy; a path is "
        "kept.",
    ),
    _option(
        "Server",
        "--trust-forwarded/--no-trust-forwarded",
        default=False,
        help="Take that URL from Forwarded or X-Forwarded-Proto, -Host and -Prefix.",
    ),
    _option(
        "Server",
        "--tls-cert",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="Certificate for HTTPS, in PEM.",
    ),
    _option(
        "Server",
        "--tls-key",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="Key of the certificate, in PEM.",
    ),
    _option(
        "Server",
        "--secret",
        metavar="TEXT",
        config_schema={"type": "string", "minLength": 1},
        show_default="of --seed or a Redis --state, else a new one",
        help="Secret that signs image URLs; with the same one they outlive a restart "
        "and work at all replicas.",
    ),
    _option(
        "Server",
        "--webhook-host",
        multiple=True,
        callback=_validate_hosts,
        metavar="HOST",
        config_schema={"type": "array", "items": {"type": "string", "minLength": 1}},
        help="Send webhooks to this host too, not only to this machine; repeatable.",
    ),
    _option(
        "Server",
        "--webhook-secret",
        default="whsec_aW1hZ2VwYXJpdHkgd2ViaG9vayB0ZXN0IGtleQ==",
        show_default="a fixed test secret",
        callback=_validate_webhook_secret,
        metavar="TEXT",
        config_schema={"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
        help="Secret that signs webhooks where the document has signatures.",
    ),
)
