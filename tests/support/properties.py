"""Numbers of examples of property tests: few by hand, more in CI."""

import os

IN_CI = bool(os.environ.get("CI"))


def examples(most: int) -> int:
    """Half of `most` in CI, an eighth elsewhere (at least 5)."""
    return max(5, most // (2 if IN_CI else 8))
