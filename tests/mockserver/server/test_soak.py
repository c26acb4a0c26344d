"""The everyday share of `make soak`: nothing is left of requests that have ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.slow

SOAK = ROOT / "tests" / "benchmarks" / "soak.py"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="it reads /proc")
def test_no_descriptor_and_no_task_is_left_of_many_requests():
    count = os.environ.get("SOAK", "400")

    command = [sys.executable, SOAK, count]
    done = subprocess.run(command, capture_output=True, check=False, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
