"""Follow a long-running task from its creation to its end."""
