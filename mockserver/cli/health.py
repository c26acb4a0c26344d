"""The command `health`: a health check of a server on this machine."""

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import click

from mockserver.cli.common import DEFAULT_PORT, ENV_PREFIX, UsageError

TIMEOUT = 2.0  # seconds
# Without its token, the control API of a server that is well responds with 401.
HEALTHY_STATUSES = (200, 401)


class Unhealthy(click.ClickException):
    """A server that does not respond: exit status 1."""

    exit_code = 1


@click.command()
@click.argument("url", required=False)
@click.option(
    "--url-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=f"{ENV_PREFIX}_URL_FILE",
    metavar="FILE",
    help="File with the URL, as `serve --url-file` writes it.",
)
@click.option(
    "--ready",
    is_flag=True,
    help="Check too that the server can use its --state: a readiness check.",
)
def health(url: str | None, url_file: Path | None, *, ready: bool) -> None:
    """
    Check that a mock server responds at URL; exit status 1 if it does not.

    Without URL, check the server that has written --url-file, else the one on the
    default port of this machine.
    """
    if url is None:
        url = _read_url(url_file) if url_file else f"http://127.0.0.1:{DEFAULT_PORT}"
    status, body = _get(url, "/__mock__/ready" if ready else "/__mock__/health")
    if ready and status == 503:
        raise Unhealthy(f"{url} is not ready: {_message(body)}")
    if status not in HEALTHY_STATUSES:
        raise Unhealthy(f"{url} responds with status {status}")
    click.echo(f"{url} is ready." if ready else f"{url} responds.")


def _read_url(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        raise Unhealthy(f"no server is running that has written {file}") from None


def _message(body: bytes) -> str:
    """The message of an error response of the control API."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return "its response has no reason"


def _get(url: str, path: str) -> tuple[int, bytes]:
    """Status and body of a path; no proxy of the environment is used."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"URL must be like http://127.0.0.1:8080, not '{url}'")
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=TIMEOUT, context=_unverified_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unhealthy(f"no server responds at {url}: {error}") from None
    finally:
        connection.close()


def _unverified_context() -> ssl.SSLContext:
    """A check of one's own server needs no certificate of a known authority."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
