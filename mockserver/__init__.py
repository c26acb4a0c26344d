"""A server that keeps the providers' promises, offline."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockserver.app import create_app
    from mockserver.embedded.starter import AsyncRunning, Running, running
    from mockserver.settings import Settings

__all__ = ["AsyncRunning", "Running", "Settings", "create_app", "running"]

_HOMES = {
    "AsyncRunning": "mockserver.embedded.starter",
    "Running": "mockserver.embedded.starter",
    "Settings": "mockserver.settings",
    "create_app": "mockserver.app",
    "running": "mockserver.embedded.starter",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: `serve` needs little of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mockserver' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
