"""The Atom feed of published results."""

import uuid
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from contracts.published.history import PublishedResult
from contracts.published.words import findings_text, level_text, server_text
from contracts.text import printable

ATOM = "http://www.w3.org/2005/Atom"
PAGE, FEED = "results.html", "feed.xml"
TITLE = "imageparity: published results"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
BEGAN = "2026-12-01T00:00:00+00:00"  # the time of a feed without any result
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "imageparity/results")


def feed(results: Sequence[PublishedResult]) -> str:
    """
    The feed of results, which are the newest first, with an entry for each.

    The time of an entry is that of its run, and its id follows from its folder: the
    same results give the same bytes.
    """
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    newest = results[0].submission.started if results else BEGAN
    _texts(root, id=_IDS.urn, title=TITLE, updated=newest)
    _link(root, "self", FEED, "application/atom+xml")
    _link(root, "alternate", PAGE, "text/html")
    _texts(ET.SubElement(root, "author"), name="imageparity")
    for result in results:
        _entry(root, result)
    ET.indent(root, " ")
    return f"{DECLARATION}\n{ET.tostring(root, 'unicode')}\n"


def _entry(root: ET.Element, result: PublishedResult) -> None:
    submission = result.submission
    entry = ET.SubElement(root, "entry")
    _texts(
        entry,
        id=uuid.uuid5(_IDS, submission.path).urn,
        title=_title(result),
        updated=submission.started,
    )
    _link(entry, "alternate", f"{PAGE}#{anchor(submission.path)}", "text/html")
    author = ET.SubElement(entry, "author")
    _texts(author, name=submission.measured_by, uri=submission.contact)
    for term in _terms(result):
        ET.SubElement(entry, "category", {"term": term})
    _texts(entry, summary=_summary(result))


def anchor(path: str) -> str:
    """The id of a result in the page."""
    return path.replace("/", "-")


def _terms(result: PublishedResult) -> list[str]:
    if result.submission.is_mock:
        return ["example"]
    return ["new-result", *(["changed-level"] if result.has_new_level else [])]


def _title(result: PublishedResult) -> str:
    submission = result.submission
    kind = "Changed level" if result.has_new_level else "New result"
    start = "Example" if submission.is_mock else kind
    return (
        f"{start}: {submission.title} at {server_text(submission)}, "
        f"{level_text(submission)}"
    )


def _summary(result: PublishedResult) -> str:
    submission = result.submission
    parts = [f"Measured by {submission.measured_by}", findings_text(submission)]
    parts += result.changes
    return "; ".join(parts) + "."


def _texts(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = printable(text)


def _link(parent: ET.Element, rel: str, href: str, type_: str) -> None:
    ET.SubElement(parent, "link", {"rel": rel, "type": type_, "href": href})
