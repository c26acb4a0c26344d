"""The wheel of this checkout, and environments into which it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from support.paths import ROOT


def built_wheel(folder: Path) -> Path:
    (path,) = WheelBuilder(str(ROOT)).build(
        directory=str(folder), versions=["standard"]
    )
    return Path(path)


def new_environment(folder: Path, *requirements: str) -> Path:
    """
    The folder of the programs of a fresh environment with these packages.

    Skips the test if they cannot be installed, as without a network.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*pip, *requirements], check=False, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        pytest.skip(f"the packages cannot be installed: {done.stderr.strip()}")
    return programs
