"""Randomly generated cases, and those that are remembered."""
