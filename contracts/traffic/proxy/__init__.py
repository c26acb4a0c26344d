"""
`imageparity proxy`: somebody else's traffic, passed on unchanged and held against a
document.
"""

from contracts.traffic.proxy.app import serving
from contracts.traffic.proxy.proxy import MAX_HEADER, Relay

__all__ = ["MAX_HEADER", "Relay", "serving"]
