"""Find out if a server accepts connections, over TCP and over TLS."""

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from contracts.execution.sending.http import CONNECT_TIMEOUT
from contracts.judging.interaction import ProblemKind

CERTIFICATE_HINT = "SSL_CERT_FILE=FILE names the certificates to trust"
HANDSHAKE_TIMEOUT = 2.0  # seconds, for a server that is not expected to speak TLS


def tls_context(base_url: str) -> ssl.SSLContext | None:
    """The default TLS settings, which read SSL_CERT_FILE; None for an http URL."""
    if urlsplit(base_url).scheme != "https":
        return None
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connection_problem(
    base_url: str, context: ssl.SSLContext | None
) -> str | None:
    """Connect once; the reason why that is impossible, None if it is possible."""
    try:
        await _connect(base_url, context, CONNECT_TIMEOUT)
    except (ssl.SSLError, ssl.CertificateError) as error:
        reason = getattr(error, "verify_message", "") or str(error)
        return f"{ProblemKind.NO_TLS}: {reason}"
    except TimeoutError:
        return f"{ProblemKind.NO_CONNECTION} within {CONNECT_TIMEOUT:g} s"
    except OSError as error:
        return str(error) or ProblemKind.NO_CONNECTION
    return None


async def expects_tls(base_url: str) -> bool:
    """True if the server of an http URL accepts a TLS handshake instead."""
    if urlsplit(base_url).scheme != "http":
        return False
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over this connection
    try:
        await _connect(base_url, context, HANDSHAKE_TIMEOUT)
    except (OSError, TimeoutError):
        return False
    return True


async def _connect(
    base_url: str, context: ssl.SSLContext | None, timeout: float
) -> None:
    """Open a connection and close it."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    opening = asyncio.open_connection(parts.hostname, port, ssl=context)
    _, writer = await asyncio.wait_for(opening, timeout)
    if context is None:
        writer.close()
    else:
        writer.transport.abort()  # a server may not answer the end of TLS
    with suppress(OSError):
        await writer.wait_closed()
