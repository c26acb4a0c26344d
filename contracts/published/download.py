"""Download a bundle that is too large for the repository."""

import hashlib
import http.client
import urllib.request
from pathlib import Path

from contracts.published.submission import BadSubmission

MAX_BYTES = 2_000_000_000
TIMEOUT = 60  # seconds without a byte
_CHUNK = 1024 * 1024


def download(url: str, sha256: str, path: Path) -> None:
    """Write what is at a URL to a file. Raises `BadSubmission`."""
    whole, size = hashlib.sha256(), 0
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT) as response,  # noqa: S310
            path.open("wb") as out,
        ):
            while chunk := response.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise BadSubmission(f"{url} has more than {MAX_BYTES:,} bytes")
                whole.update(chunk)
                out.write(chunk)
    except (OSError, http.client.HTTPException) as error:
        raise BadSubmission(f"{url} cannot be downloaded: {error}") from None
    if whole.hexdigest() != sha256:
        raise BadSubmission(
            f"{url} has the hash {whole.hexdigest()}, and result.yaml says {sha256}"
        )
