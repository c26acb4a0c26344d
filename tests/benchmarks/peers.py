"""
Mock servers of other makers, installed with npm into a folder that git does not see.

They serve the document of ours that is easiest for all of them. What they answer is
less: an example (Prism, after validation), words by the schema (Mockoon, no
validation), one pasted picture (aimock, by a substring of the prompt, no validation).
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import HERE, ROOT, Server, free_port, running, say

FOLDER = ROOT / ".clients" / "peers"
DOCUMENT = ROOT / "specs" / "tikhub" / "openapi.yaml"
BODY = {"model": "gpt-image-2", "prompt": "A red cube on a white table"}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4APMOGVHbHSAEEs"
    "AQ8lbkJGAAAAAElFTkSuQmCC"
)


@dataclass(frozen=True)
class Peer:
    """A server of another maker, where it answers, and how it is started."""

    name: str
    path: str
    start: Callable[[], AbstractContextManager[Server]]


def peers() -> list[Peer]:
    """Those that can be had here; says why when there are none."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        say("Without npm the mocks of other makers are left out.")
        return []
    wanted = HERE / "peers" / "package.json"
    installed = FOLDER / "package.json"
    is_there = (FOLDER / "node_modules").is_dir() and installed.is_file()
    if not is_there or installed.read_bytes() != wanted.read_bytes():
        say(f"Installing other makers' mocks in {FOLDER} …")
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted, installed)
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(["npm", "install", *quiet], cwd=FOLDER, check=False)
        if done.returncode:
            installed.unlink()
            say("npm failed: they are left out.")
            return []
    path = "/images/generations"
    return [
        Peer(f"Prism {_version('@stoplight/prism-cli')}", path, prism),
        Peer(f"Mockoon {_version('@mockoon/cli')}", f"/v1{path}", mockoon),
        Peer(f"aimock {_version('@copilotkit/aimock')}", f"/v1{path}", aimock),
    ]


def _version(package: str) -> str:
    file = FOLDER / "node_modules" / package / "package.json"
    return json.loads(file.read_text(encoding="utf-8"))["version"]


def _node(name: str, program: str, *arguments: str, port: int):
    command = ["node", FOLDER / "node_modules" / ".bin" / program, *arguments]
    quiet = {"MOCKOON_DISABLE_TELEMETRY": "1"}
    return running(name, command, url=f"http://127.0.0.1:{port}", env=quiet)


def prism():
    port = free_port()
    more = ("-h", "127.0.0.1", "-p", str(port), "-v", "error", str(DOCUMENT))
    return _node("Prism", "prism", "mock", *more, port=port)


def mockoon():
    port = free_port()
    where = ("--port", str(port), "--hostname", "127.0.0.1", "--data", str(DOCUMENT))
    quiet = ("--disable-log-to-file", "--disable-admin-api")
    return _node("Mockoon", "mockoon-cli", "start", *where, *quiet, port=port)


@contextmanager
def aimock():
    port = free_port()
    fixtures = {
        "fixtures": [
            {
                "match": {"endpoint": "image"},
                "response": {"image": {"b64Json": PIXEL, "revisedPrompt": "r"}},
            }
        ]
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "images.json").write_text(json.dumps(fixtures), encoding="utf-8")
        where = ("-p", str(port), "-h", "127.0.0.1", "-f", str(folder))
        quiet = ("--log-level", "silent", "--journal-max", "1")
        server = _node("aimock", "llmock", *where, *quiet, port=port)
        yield stack.enter_context(server)
