"""Values of fields: at the bounds, beyond them, and minimal valid ones."""
