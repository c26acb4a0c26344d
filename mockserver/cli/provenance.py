"""The command `provenance`, also called `whose`: the request of an image."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from mockserver.media.image.plan import BadImage
from mockserver.media.image.provenance import Provenance, read_provenance

FROM_MOCK, NOT_FROM_MOCK, UNREADABLE = 0, 1, 2


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
def provenance(files: Sequence[str], *, as_json: bool) -> None:
    """
    Show the request and the seed of images that the mock has drawn.

    The mock writes into every image the hash of the request, by which the journal finds
    the request; the seed of the server, with which the same request gives the same
    image; and the position of the image in the response. FILE may be `-` for standard
    input.

    Exit status: 0 all images come from the mock, 1 an image does not come from the
    mock, 2 a file is not an image or cannot be read.
    """
    worst = FROM_MOCK
    for name in files:
        status, text = _inspect_file(name, as_json=as_json)
        click.echo(text, err=status != FROM_MOCK)
        worst = max(worst, status)
    sys.exit(worst)


def _inspect_file(name: str, *, as_json: bool) -> tuple[int, str]:
    """Return the exit status for a file, and the text to print."""
    try:
        with click.open_file(name, "rb") as file:
            note = read_provenance(file.read())
    except OSError as error:
        return UNREADABLE, f"Error: {name} cannot be read: {error.strerror}"
    except BadImage:
        return UNREADABLE, f"Error: {name} is not a PNG, JPEG, WebP or GIF"
    if note is None:
        return NOT_FROM_MOCK, (
            f"Error: {name} does not come from a mock, or was saved by a program that "
            "removed its metadata"
        )
    if as_json:
        return FROM_MOCK, json.dumps({"file": name, **asdict(note)})
    return FROM_MOCK, _format_provenance(name, note)


def _format_provenance(name: str, note: Provenance) -> str:
    return "\n".join(
        (
            f"{name}: {note.format.upper()}, {note.width}x{note.height}",
            f"  request  {note.request}",
            f"  seed     {note.seed}",
            f"  image    {note.index + 1} of the response",
            f"  journal  GET /__mock__/journal?request={note.request}",
        )
    )
