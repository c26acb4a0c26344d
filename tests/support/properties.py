"""Numbers of examples of property tests: few by hand, all of them in CI."""

import os

IN_CI = bool(os.environ.get("CI"))


def examples(most: int) -> int:
    """`most` in CI, an eighth of it (at least 5) elsewhere."""
    return most if IN_CI else max(5, most // 8)
