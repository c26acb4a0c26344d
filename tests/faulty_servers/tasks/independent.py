"""The independent server of tasks, and the findings that its defects must lead to."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from faulty_servers.tasks.cases import loaded
from faulty_servers.tasks.catalogue import TaskDefect
from support.independent import FOLDER

DEFECTS = tuple(
    TaskDefect(provider, name, *row)
    for provider, rows in yaml.safe_load(
        (FOLDER / "tasks_expected.yaml").read_text()
    ).items()
    for name, row in rows.items()
)


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Serve it in a subprocess; yield its URL, which the name of a defect follows."""
    with process_serving(*options) as (_, url):
        yield url


@contextmanager
def process_serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """As `serving`; yields the process as well."""
    words = [sys.executable, str(FOLDER / "tasks_server.py"), "--port", "0", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def base_url(url: str, provider: str, defect: str) -> str:
    return f"{url}/{defect}{loaded(provider).base_path}"
