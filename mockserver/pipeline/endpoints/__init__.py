"""Paths that are no operation of the document: models, images, unknown ones."""
