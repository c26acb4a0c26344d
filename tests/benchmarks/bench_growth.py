"""Measure speed and memory as providers, clients and journals grow."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from measuring import ROOT, Effort, interleaved, mock, press, request_to
from peers import BODY
from tables import Table, figure

ORDER = 4
COPIED = "tikhub"
PATH = f"/{COPIED}/v1/images/generations"
ASKED = json.dumps({**BODY, "size": "16x16", "response_format": "b64_json"}).encode()
FILLED = json.dumps({**BODY, "user": "%%%%%%%%%%%%", "size": "16x16"}).encode()


def measure(effort: Effort) -> Iterator[Table]:
    table = Table(
        "Growth",
        ("server", "start ms", "req/s", "of the first", "CPU µs", "MB"),
        note=(
            "The same small answer, 32 connections. A full journal holds its 1,000 "
            "entries, of requests that were all different. Two workers share two cores "
            "with the client, which takes one of them when they are quick."
        ),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        many = folder / "many"
        for number in range(45):
            shutil.copytree(ROOT / "specs" / COPIED, many / f"gateway{number:02}")
        servers = {
            "5 providers": stack.enter_context(mock()),
            "5 providers, journal full": stack.enter_context(mock()),
            "50 providers": stack.enter_context(mock("--specs", str(many))),
            "2 workers": stack.enter_context(mock("--workers", "2")),
        }
        work = {}
        for number, (name, server) in enumerate(servers.items()):
            file = folder / str(number)
            file.write_bytes(request_to(server, PATH, ASKED))
            work[name] = partial(_turn, server, file, effort.seconds)
        full = servers["5 providers, journal full"]
        file = folder / "filled"
        file.write_bytes(request_to(full, PATH, FILLED))
        press(full, file, connections=8, seconds=2 * effort.seconds)
        found = interleaved(effort.rounds, work)
        first = found["5 providers"].rate
        for name, load in found.items():
            server = servers[name]
            row = (name, figure(server.took * 1e3), figure(load.rate))
            rest = (figure(load.cpu), figure(server.memory()))
            table.rows.append((*row, f"{load.rate / first:.2f}", *rest))
    yield table


def _turn(server, request: Path, seconds: float, turn: int):
    return press(server, request, connections=32, seconds=seconds)
