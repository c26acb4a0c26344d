"""The extras of the distribution: optional packages that some commands need."""

from collections.abc import Mapping
from importlib.util import find_spec

MODULES: Mapping[str, tuple[str, ...]] = {
    "harness": ("av", "hypothesis", "jinja2", "pytest", "rich", "schemathesis"),
    "redis": ("redis",),
    "fleet": ("distributed",),
}
"""By name of an extra: the modules that it installs."""


class MissingExtra(ImportError):
    """An extra that is not installed; the message says how to install it."""


def require_extra(extra: str, user: str) -> None:
    """Raise `MissingExtra` if modules of an extra, which `user` needs, are missing."""
    missing = [each for each in MODULES[extra] if find_spec(each) is None]
    if missing:
        raise MissingExtra(
            f"{user} needs packages that are not installed ({', '.join(missing)}): "
            f"pip install 'imageparity[{extra}]'",
            name=missing[0],
        )
