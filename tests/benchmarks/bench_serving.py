"""Answers of every kind, beside bare aiohttp that reads and writes the same bytes."""

import io
import itertools
import json
import random
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from measuring import Effort, Load, Server, bare, interleaved, mock, press, request_to
from peers import BODY, peers
from tables import Table, figure, size

ORDER = 1
JSON = "application/json"
FORM = "multipart/form-data; boundary=here"
NEW = {**BODY, "prompt": "A red cube number %%%%%%%%%%%%"}
HEADS = ("answer", "size", "clients", "req/s", "of bare", "CPU µs", "of bare")
HEADS = (*HEADS, "p50 ms", "p99 ms", "bare p50", "bare p99", "MB")


@dataclass(frozen=True)
class Case:
    """A request, at which mock, and what bare aiohttp does with it."""

    name: str
    provider: str
    body: bytes
    content_type: str = JSON
    path: str = "images/generations"
    kind: str = ""
    status: int = 200
    clients: int = 32
    realistic: bool = False


def _json(**members) -> bytes:
    return json.dumps({**BODY, **members}).encode()


def _form(picture: bytes) -> bytes:
    """An edit with an upload."""
    fields = "".join(
        f'--here\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in BODY.items()
    )
    head = (
        '--here\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return (fields + head).encode() + picture + b"\r\n--here--\r\n"


def _megabyte() -> bytes:
    """A picture of about a megabyte: noise, which nothing makes small."""
    from PIL import Image

    noise = random.Random(1).randbytes(600 * 600 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (600, 600), noise).save(out, "PNG")
    return out.getvalue()


def cases() -> list[Case]:
    inside = {"response_format": "b64_json"}
    square = _json(size="1024x1024")
    edit = Case(
        "edit, 1 MB upload",
        "openai",
        _form(_megabyte()),
        content_type=FORM,
        path="images/edits",
        kind=".form",
    )
    previews = _json(stream=True, partial_images=3)
    new = json.dumps(NEW).encode()
    largest = json.dumps({**NEW, "size": "3840x2160"}).encode()
    return [
        *_by_clients(
            Case("base64, 16x16", "tikhub", _json(size="16x16", **inside)),
            Case("base64, 256x256", "tikhub", _json(size="256x256", **inside)),
            Case("base64, 1024x1024", "openai", square),
            Case("base64, 3840x2160", "openai", _json(size="3840x2160")),
            Case("base64, realistic", "openai", square, realistic=True),
            Case("address", "tikhub", _json(response_format="url")),
            Case("refusal", "openai", _json(n=99), status=400),
            Case("stream, 3 previews", "openai", previews, kind=".stream"),
        ),
        *_by_clients(edit, counts=(1, 8, 32)),
        Case("new prompt, 1024x1024", "openai", new),
        Case("new prompt, 3840x2160", "openai", largest, clients=8),
    ]


def _by_clients(*cases: Case, counts: Sequence[int] = (1, 32, 256)) -> list[Case]:
    return [replace(case, clients=each) for case in cases for each in counts]


def measure(effort: Effort) -> Iterator[Table]:
    """One table of answers, one beside other makers' mocks."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plain = stack.enter_context(mock())
        heavy = stack.enter_context(mock("--payload", "realistic"))
        yield _answers(effort, folder, plain, heavy)
        yield _beside(effort, folder, plain)


def _answers(effort: Effort, folder: Path, plain: Server, heavy: Server) -> Table:
    table = Table(
        "Answers, beside bare aiohttp",
        HEADS,
        note=(
            "Bare aiohttp reads the same request as JSON or as a form and writes the "
            "same bytes from memory. The mock has everything on: validation, journal, "
            "request ids, costs. All but the last two rows ask the same again: the "
            "picture is then kept, and so is what the body means. `new prompt`: every "
            "request has words of its own, and a picture with them is drawn. MB: of "
            "the mock, after this row and those above."
        ),
    )
    bodies = folder / "bodies"
    bodies.mkdir()
    asked = cases()
    for number, case in enumerate(asked):
        server = heavy if case.realistic else plain
        path = f"/{case.provider}/v1/{case.path}"
        answer = _asked(server, path, case)
        (bodies / f"{number}{case.kind}").write_bytes(answer)
        (folder / f"{number}.mock").write_bytes(
            request_to(server, path, case.body, content_type=case.content_type)
        )
    with bare(bodies) as other:
        for number, case in enumerate(asked):
            server = heavy if case.realistic else plain
            path = f"/{number}{case.kind}"
            theirs = folder / f"{number}.bare"
            theirs.write_bytes(
                request_to(other, path, case.body, content_type=case.content_type)
            )
            ours = folder / f"{number}.mock"
            turn = partial(_turn, seconds=effort.seconds, connections=case.clients)
            found = interleaved(
                effort.rounds,
                {
                    "mock": partial(turn, server, ours, status=case.status),
                    "bare": partial(turn, other, theirs),
                },
            )
            weight = (bodies / f"{number}{case.kind}").stat().st_size
            name = (case.name, size(weight), str(case.clients))
            compared = _beside_bare(found["mock"], found["bare"])
            table.rows.append((*name, *compared, figure(server.memory())))
    return table


def _beside_bare(one: Load, bare: Load) -> tuple[str, ...]:
    return (
        figure(one.rate),
        f"{one.rate / bare.rate:.2f}",
        figure(one.cpu),
        f"{bare.cpu / one.cpu:.2f}",
        *map(figure, (one.p50, one.p99, bare.p50, bare.p99)),
    )


def _asked(server: Server, path: str, case: Case) -> bytes:
    """The answer to a request, whatever its status."""
    asked = urllib.request.Request(
        server.url + path,
        data=case.body,
        headers={"Authorization": "Bearer sk-test", "Content-Type": case.content_type},
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.read()


def _beside(effort: Effort, folder: Path, plain: Server) -> Table:
    table = Table(
        "Beside other makers' mocks",
        ("server", "answer", "req/s", "ours is", "CPU µs", "p50 ms", "p99 ms", "MB"),
        note=(
            "The same request to all, 32 connections, from the document of `tikhub`. "
            "Prism validates and answers with an example; Mockoon fills the schema "
            "with words and does not validate; aimock does neither and pastes one "
            "8x8 picture. `ours is`: how many times as fast the first row is."
        ),
    )
    inside = {"response_format": "b64_json"}
    with ExitStack() as stack:
        servers = {
            "imageparity, seen before": (plain, _json(size="16x16", **inside)),
            "imageparity, new 1024x1024 picture each": (
                plain,
                json.dumps({**NEW, "size": "1024x1024", **inside}).encode(),
            ),
        }
        paths = dict.fromkeys(servers, "/tikhub/v1/images/generations")
        for peer in peers():
            servers[peer.name] = stack.enter_context(peer.start()), _json()
            paths[peer.name] = peer.path
        work = {}
        for number, (name, (server, body)) in enumerate(servers.items()):
            file = folder / f"beside-{number}"
            file.write_bytes(request_to(server, paths[name], body))
            work[name] = partial(_turn, server, file, seconds=effort.seconds)
        found = interleaved(effort.rounds, work)
        first = next(iter(found.values())).rate
        for name, load in found.items():
            server = servers[name][0]
            figures = (load.cpu, load.p50, load.p99, server.memory())
            row = (name, size(load.bytes), figure(load.rate))
            ratio = f"{first / load.rate:.2f}"
            table.rows.append((*row, ratio, *map(figure, figures)))
    return table


_numbers = itertools.count(0, 10**6)  # prompts that no round before had


def _turn(
    server: Server,
    request: Path,
    _: int,
    *,
    seconds: float,
    connections: int = 32,
    status: int = 200,
) -> Load:
    return press(
        server,
        request,
        connections=connections,
        seconds=seconds,
        status=status,
        first=next(_numbers),
    )
