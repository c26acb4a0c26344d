"""A minimal provider with comments, to be changed by hand."""

from importlib.resources import files

from contracts.scaffold.draft import environment_variable, placeholder_url
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES

MODEL = "gpt-image-1"


def minimal_files(name: str) -> dict[str, str]:
    """The text of each file of a minimal provider, by file name."""
    folder = files("contracts.scaffold") / "minimal"
    values = {
        "{title}": name,
        "{base_url}": placeholder_url(name),
        "{key_env}": environment_variable(name),
        "{model}": MODEL,
    }
    texts = {}
    for file in (DOCUMENT, DIALECT, SOURCES):
        text = (folder / file).read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        texts[file] = text
    return texts
