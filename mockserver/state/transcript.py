"""What people are told of exchanges: a line each, and what they cost together."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.state.statistics import pluralize

MAX_LINES = 20
MAX_LINE_LENGTH = 200


def transcript(entries: Sequence[Mapping[str, Any]]) -> str:
    """Entries of a journal for people: the latest of them, a line each."""
    shown = entries if len(entries) <= MAX_LINES else entries[1 - MAX_LINES :]
    lines = [_format_entry(each) for each in shown]
    if len(shown) < len(entries):
        lines.insert(0, f"… and {len(entries) - len(shown):,} before these")
    return "\n".join(lines) or "nothing"


def _format_entry(entry: Mapping[str, Any]) -> str:
    """`16:02:11  POST /v1/images/edits  400  invalid_request: why [rule, source]`."""
    at = time.strftime("%H:%M:%S", time.localtime(entry["at"]))
    status = entry["status"] if entry["outcome"] != "aborted" else "—"
    line = f"{at}  {entry['method']} {entry['path']}  {status}  {_describe_decision(entry)}"
    shown = "".join(each if each.isprintable() else "·" for each in line)
    return (
        shown if len(shown) <= MAX_LINE_LENGTH else f"{shown[: MAX_LINE_LENGTH - 1]}…"
    )


def _describe_decision(entry: Mapping[str, Any]) -> str:
    decision, cost = entry["decision"], entry["cost"]
    by = f" (asked for by {decision['trigger']})" if decision.get("trigger") else ""
    if decision.get("fault"):
        return f"{decision['fault']}{by}"
    if decision.get("error"):
        broken = [
            f" [{each['claim']}, {each['source']}]"
            for each in decision.get("violations", [])[:1]
        ]
        why = by or f": {decision['because']}{''.join(broken)}"
        return f"{decision['error']}{why}"
    if entry["outcome"] == "aborted":
        return "the client left before the answer"
    found = pluralize(entry["images"], "picture") if entry["images"] else "answered"
    if cost.get("amount") is not None:
        found += f", {cost['amount']:.3f} {cost['currency']} live"
    return found
