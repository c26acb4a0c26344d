"""Mock servers of image APIs that behave as the providers document, offline."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockserver.app import create_app
    from mockserver.embedded.starter import AsyncRunning, Running, running
    from mockserver.settings import Settings
    from mockserver.state.memory import StateError

    __version__: str

__all__ = [
    "AsyncRunning",
    "Running",
    "Settings",
    "StateError",
    "__version__",
    "create_app",
    "running",
]

_MODULES = {
    "AsyncRunning": "mockserver.embedded.starter",
    "Running": "mockserver.embedded.starter",
    "Settings": "mockserver.settings",
    "StateError": "mockserver.state.memory",
    "create_app": "mockserver.app",
    "running": "mockserver.embedded.starter",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `serve` starts faster."""
    if name == "__version__":
        from importlib.metadata import version

        return version("imageparity")
    if name not in _MODULES:
        raise AttributeError(f"module 'mockserver' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
