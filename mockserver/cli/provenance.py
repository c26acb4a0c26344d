"""`imageparity whose`: which request a picture answered, and with which seed."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from mockserver.media.image.plan import BadImage
from mockserver.media.image.provenance import Provenance

FROM_MOCK, NOT_FROM_MOCK, UNREADABLE = 0, 1, 2


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each file.")
def whose(files: Sequence[str], *, as_json: bool) -> None:
    """
    Tell which request a picture of the mock answered, and with which seed.

    It reads what the mock writes into every picture: the hash of the request, by which
    the journal finds it; the seed of the server, with which the same request gives the
    same picture again; and the place of the picture in the answer. FILE may be `-` for
    the standard input. Exit status 1: a picture, but none of ours; 2: no picture, or
    it cannot be read.
    """
    worst = FROM_MOCK
    for name in files:
        status, said = _inspect_file(name, as_json=as_json)
        click.echo(said, err=status != FROM_MOCK)
        worst = max(worst, status)
    sys.exit(worst)


def _inspect_file(name: str, *, as_json: bool) -> tuple[int, str]:
    """An exit status, and what to say of a file."""
    from mockserver.media.image.provenance import read_provenance as read

    try:
        with click.open_file(name, "rb") as file:
            found = read(file.read())
    except OSError as error:
        return UNREADABLE, f"Error: {name} cannot be read: {error.strerror}"
    except BadImage:
        return UNREADABLE, f"Error: {name} is no PNG, JPEG, WebP or GIF"
    if found is None:
        return NOT_FROM_MOCK, (
            f"Error: {name} does not come from a mock of ours, or was saved anew by a "
            "program that dropped its metadata"
        )
    if as_json:
        return FROM_MOCK, json.dumps({"file": name, **asdict(found)})
    return FROM_MOCK, _format_provenance(name, found)


def _format_provenance(name: str, found: Provenance) -> str:
    return "\n".join(
        (
            f"{name}: {found.format.upper()}, {found.width}x{found.height}",
            f"  request  {found.request}",
            f"  seed     {found.seed}",
            f"  picture  {found.index + 1} of its answer",
            f"  journal  GET /__mock__/journal?request={found.request}",
        )
    )
