"""Shared by the commands: options, exit statuses, output files and interrupts."""
