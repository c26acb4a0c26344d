"""A provider whose claims are from a page that a test serves."""

from pathlib import Path

import yaml

from contracts.scaffold.from_nothing import minimal_files


def write_cited_provider(folder: Path, name: str, url: str) -> None:
    """
    Write `folder/name`, a minimal provider.

    Its claims about `n`, `size` and the error 429 are from the places `n`, `size` and
    `errors` of the page at a URL. The source has the name of the provider.
    """
    made = folder / name
    made.mkdir(parents=True)
    for file, minimal in minimal_files(name).items():
        text = (
            minimal.replace(" n: {type", f" n: {{x-source: {name}#n, type")
            .replace("size: {type", f"size: {{x-source: {name}#size, type")
            .replace("rate_limited: {", f"rate_limited: {{x-source: {name}#errors, ")
        )
        (made / file).write_text(text, "utf-8")
    source = {
        "grade": "DOC",
        "date": "2026-11-01",
        "title": f"{name} guide",
        "url": url,
    }
    todo = {"title": "TODO"}
    (made / "sources.yaml").write_text(yaml.safe_dump({name: source, "TODO": todo}))
