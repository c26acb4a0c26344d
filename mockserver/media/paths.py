"""The paths of the mock that are not those of a provider."""

IMAGES_PATH = "/_images"  # below which signed URLs lie
