"""A full disk: one line on stderr, and an exit status that no result has."""

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.report.file import atomic_write
from mockserver.cli.common import DISK_FULL_ERRNOS

FULL_DEVICE = Path("/dev/full")
RUN = ("contracts", "run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FULL_DEVICE.is_char_device(), reason="there is no /dev/full"
    ),
]


def done(*words: str, stdout: Path = FULL_DEVICE) -> tuple[int, str]:
    """The exit status and the output of a command on a full disk."""
    with stdout.open("w") as out:
        process = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=180,
            check=False,
        )
    return process.returncode, process.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("mockserver", "serve", "tokenhub", "--port", "0", "--json"),
        (
            "mockserver",
            "faults",
        ),  # small enough to be written only when the file is closed
        ("contracts", "claims", "tokenhub"),
    ],
)
def test_a_full_disk_is_told_in_a_line(words):
    status, said = done(*words)

    assert status == 2
    assert said.splitlines()[-1] == (
        "Error: the output cannot be written: No space left on device"
    )
    assert "Traceback" not in said


def test_a_report_that_cannot_be_written_is_told_and_the_device_stays(tmp_path):
    status, said = done(*RUN, "--html", str(FULL_DEVICE), stdout=tmp_path / "out")

    assert status == 2
    assert "/dev/full cannot be written" in said.splitlines()[-1]
    assert FULL_DEVICE.is_char_device()
    with pytest.raises(OSError, match="No space") as raised:
        write(FULL_DEVICE)
    assert raised.value.errno in DISK_FULL_ERRNOS


def write(path: Path) -> None:
    with atomic_write(path) as out:
        out.write("whole")


def test_what_is_no_file_is_written_to_and_a_link_stays_one(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there")

    write(Path("/dev/null"))
    write(link)

    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()
    assert (tmp_path / "there").read_text() == "whole"
