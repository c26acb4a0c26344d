"""Providers whose responses hold images: what some commands compare or test."""

from collections.abc import Sequence

from contracts.media.registry import image_operations
from mockserver.cli.common import UsageError
from specs import Provider


def require_image_operations(*providers: Provider) -> None:
    """Raise `UsageError` for a provider of which no response holds images."""
    for provider in providers:
        if not image_operations(provider):
            raise UsageError(
                f"{provider.title} documents no operation that responds with images, "
                "and this command is about those alone"
            )


def with_image_operations(
    providers: Sequence[Provider], named: Sequence[str]
) -> list[Provider]:
    """
    The providers that have responses with images.

    Raises `UsageError` if one of the `named` has none.
    """
    require_image_operations(*(each for each in providers if each.id in named))
    return [each for each in providers if image_operations(each)]
