"""Submissions of published results: small ones by value, and folders."""

from dataclasses import replace
from pathlib import Path

from support.reports import report, target

from contracts.published.submission import Level, Submission
from contracts.report.summary import provider_summaries
from specs.documents.reading.yaml_files import yaml_text

FACTS = {
    "measured_by": "Example Ltd",
    "contact": "https://example.org/contact",
    "endpoint": "mock",
    "operates_server": False,
}
LEVEL = Level("images-2026-12", 1, "a" * 64, "all musts", 20, 20)


def submission(date="2026-12-01", by="Example Ltd", *outcomes, **changes) -> Submission:
    """A result of a gateway, with a target `one` of `support.reports`."""
    name = by.lower().replace(" ", "-")
    server = target("one", base_url="https://gateway.example/v1", is_mock=False)
    (summary,) = provider_summaries(report(*outcomes, targets=(server,)))
    made = Submission(
        path=f"one/{date}-{name}",
        measured_by=by,
        contact=f"https://example.org/{name}",
        endpoint="gateway",
        operates_server=False,
        note="",
        bundle_url="",
        bundle_sha256="",
        bundle_id=(date + name).encode().hex().ljust(64, "0")[:64],
        exchanges_sha256=(name + date).encode().hex().ljust(64, "0")[:64],
        version="9.8.7",
        started=f"{date}T13:05:00+00:00",
        stopped=None,
        summary=summary,
        level=None,
    )
    return replace(made, **changes)


def write_submission(site: Path, name: str, source: Path, **facts: object) -> Path:
    """A folder below `results` with a bundle; None as a value removes a fact."""
    folder = site / "results" / name
    folder.mkdir(parents=True)
    (folder / "bundle.zip").write_bytes(source.read_bytes())
    known = {
        name: each for name, each in {**FACTS, **facts}.items() if each is not None
    }
    (folder / "result.yaml").write_text(yaml_text(known))
    return folder
