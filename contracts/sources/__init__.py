"""Check that the facts that claims rely on are still on their pages."""
