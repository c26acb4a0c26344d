"""The command `provenance`, also called `whose`: the request of an image or video."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from mockserver.json_text import printable
from mockserver.media.image.plan import BadImage
from mockserver.media.image.provenance import Provenance, read_provenance
from mockserver.media.video import provenance as video
from mockserver.media.video.plan import BadVideo

FROM_MOCK, NOT_FROM_MOCK, UNREADABLE = 0, 1, 2


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
def provenance(files: Sequence[str], *, as_json: bool) -> None:
    """
    Show the request and the seed of images and videos that the mock has made.

    The mock writes into every file the hash of the request, by which the journal finds
    the request; the seed of the server, with which the same request gives the same
    file; and the position of the file in the response. Of an MP4 video from elsewhere
    it shows what the video says of its origin; nothing of that is verified. FILE may be
    `-` for standard input.

    Exit status: 0 all files come from the mock, 1 a file does not come from the mock, 2
    a file is no image and no video, or cannot be read.
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
            data = file.read()
    except OSError as error:
        return UNREADABLE, f"Error: {name} cannot be read: {error.strerror}"
    is_video = video.is_mp4(data)
    try:
        note = (video.read_provenance if is_video else read_provenance)(data)
    except (BadImage, BadVideo):
        return UNREADABLE, f"Error: {name} is not a PNG, JPEG, WebP, GIF or MP4 video"
    if note is None:
        claims = f". {_format_claims(data)}" if is_video else ""
        return NOT_FROM_MOCK, (
            f"Error: {name} does not come from a mock, or was saved by a program that "
            f"removed its metadata{claims}"
        )
    if as_json:
        return FROM_MOCK, json.dumps({"file": name, **asdict(note)})
    return FROM_MOCK, _format_provenance(name, note)


def _format_claims(data: bytes) -> str:
    """A sentence with all that a video says of its origin."""
    claims = ", ".join(video.claims_of_origin(data))
    return f"It has {printable(claims)}" if claims else "It says nothing of its origin"


def _format_provenance(name: str, note: Provenance) -> str:
    size, noun = f"{note.width}x{note.height}", "image"
    if isinstance(note, video.VideoProvenance):
        size, noun = f"{size}, {note.duration:g} s", "video"
    return "\n".join(
        (
            f"{name}: {note.format.upper()}, {size}",
            f"  request  {note.request}",
            f"  seed     {note.seed}",
            f"  {noun}    {note.index + 1} of the response",
            f"  journal  GET /__mock__/journal?request={note.request}",
        )
    )
