"""Responses of the new provider that differ from those of the old one."""
