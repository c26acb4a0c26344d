"""The everyday share of `make soak`: no request fails, and nothing is left of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.redis]

SOAK = ROOT / "tests" / "benchmarks" / "soak.py"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="it reads /proc")
def test_no_request_is_lost_and_no_descriptor_and_no_task_is_left():
    minutes = os.environ.get("SOAK", "0.2")

    command = [sys.executable, SOAK, "--minutes", minutes]
    done = subprocess.run(command, capture_output=True, check=False, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
