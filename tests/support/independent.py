"""Start servers that others wrote, from the same pages, without our documents."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from support.paths import ROOT

FOLDER = ROOT / "tests" / "faulty_servers" / "independent"
EXPECTED = yaml.safe_load((FOLDER / "expected.yaml").read_text())


@contextmanager
def serving(server: str, defect: str = "") -> Iterator[str]:
    """Serve one in a subprocess, with one of its defects or none; yield its URL."""
    words = [sys.executable, str(FOLDER / f"{server}_server.py"), "--port", "0"]
    words += ["--defect", defect] if defect else []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
