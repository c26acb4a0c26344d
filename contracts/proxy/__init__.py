"""
`imageparity proxy`: somebody else's traffic, passed on unchanged and held against a
document.
"""

from contracts.proxy.app import serving
from contracts.proxy.command import proxy
from contracts.proxy.relay import MAX_HEADER, Relay

__all__ = ["MAX_HEADER", "Relay", "proxy", "serving"]
