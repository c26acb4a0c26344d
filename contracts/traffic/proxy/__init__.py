"""`imageparity proxy`: forward traffic unchanged, and judge it by a document."""

from contracts.traffic.forwarding import MAX_HEADER_LENGTH
from contracts.traffic.proxy.app import serve_relay
from contracts.traffic.proxy.relay import Relay

__all__ = ["MAX_HEADER_LENGTH", "Relay", "serve_relay"]
