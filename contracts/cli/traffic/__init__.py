"""Commands that forward traffic: `proxy` and `sandwich`."""
