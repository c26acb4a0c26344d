"""
Every benchmark, one after the other, into RESULTS.md.

    python tests/benchmarks/run.py [--quick] [--skip NAME] [NAME ...]

A benchmark is a module `bench_NAME.py` beside this one with `measure(effort)`, which
yields tables; `ORDER` says when its turn is. With names only those run, and their
tables are printed and not kept.
"""

import argparse
import importlib
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from measuring import HERE, Effort, say

RESULTS = HERE / "RESULTS.md"
PACKAGES = ("imageparity", "aiohttp", "jsonschema-rs", "pillow", "pyyaml")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds")
    chosen = parser.parse_args()
    effort = Effort(rounds=5, seconds=0.5) if chosen.quick else Effort()
    modules = [
        importlib.import_module(each.stem) for each in sorted(HERE.glob("bench_*.py"))
    ]
    modules.sort(key=lambda each: getattr(each, "ORDER", 99))
    begun, load = time.monotonic(), os.getloadavg()[0]
    texts = []
    for module in modules:
        name = module.__name__.removeprefix("bench_")
        if name in chosen.skip or (chosen.names and name not in chosen.names):
            continue
        started = time.monotonic()
        for table in module.measure(effort):
            texts.append(table.markdown())
            sys.stdout.write(f"{texts[-1]}\n")
            sys.stdout.flush()
        say(f"({name}: {time.monotonic() - started:.0f} s)")
        if not chosen.names:  # what was measured stays, should a later one fail
            head = _head(effort, load, time.monotonic() - begun)
            RESULTS.write_text("\n".join([head, *texts, *_read()]), encoding="utf-8")
            say(f"Written: {RESULTS}")


def _head(effort: Effort, load: float, seconds: float) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = f"Python {platform.python_version()}, {platform.system()}"
    return f"""# Measured

{datetime.now(UTC):%Y-%m-%d}, {python}, {os.cpu_count()} cores of {_processor()};
{packages}.
Load of the machine before: {load:.1f}.
The median of {effort.rounds} rounds of {effort.seconds:g} s, in which all servers of a
table have their turn one after the other; {seconds / 60:.0f} minutes in all. Ratios
hold within a table; absolute figures are those of this machine. The load comes from
`load.py`, a raw asyncio client in a process of its own. CPU is what the server's
process had, user and system, per request.

`make bench` writes this page.
"""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _read() -> list[str]:
    """The comments on the figures, where somebody has written them."""
    file = HERE / "LIMITS.md"
    return [file.read_text(encoding="utf-8")] if file.exists() else []


if __name__ == "__main__":
    main()
