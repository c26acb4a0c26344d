"""
A mock in a process of its own, for a program that wants its own for itself.

`python -m mockserver.embedded.subprocess` reads its orders, a line of JSON, from
standard input, answers with the base URLs, and ends when standard input does: with the
program that started it, however that ends.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

EXIT_TIMEOUT = 10.0  # seconds, for its end


@contextmanager
def running_in_subprocess(
    names: Sequence[str], specs_path: str | Path | None = None
) -> Iterator[Mapping[str, str]]:
    """
    Mocks of these providers until the block ends: the base URL of each.

    Raises `RuntimeError` when they could not start; why, is on standard error.
    """
    process = subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for those who ask, not for who answers
    )
    with process:  # waits for its end
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("a process that was given pipes has them")
            folder = specs_path and str(specs_path)
            process.stdin.write(json.dumps([list(names), folder]) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
            if not said:
                raise RuntimeError("the mocks could not start")
            yield json.loads(said)
            process.stdin.close()
            process.wait(EXIT_TIMEOUT)
        finally:
            process.kill()


def main() -> None:
    from mockserver.embedded import starter as embedding

    names, specs_path = json.loads(sys.stdin.readline())
    with embedding.running(*names, specs_path=specs_path) as mock:
        print(json.dumps(dict(mock.base_urls)), flush=True)  # noqa: T201 -- the answer
        sys.stdin.read()


if __name__ == "__main__":
    main()
