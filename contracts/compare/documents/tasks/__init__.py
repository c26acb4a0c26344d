"""Comparison of long-running tasks: a column per kind of task of a provider."""
