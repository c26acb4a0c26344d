"""Journal entries as text, one line per request."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.state.statistics import (
    IMAGE_OPERATION,
    WEBHOOK_OPERATION,
    describe_outputs,
    describe_undelivered,
)

MAX_LINES = 20
MAX_LINE_LENGTH = 200
MAX_URL_LENGTH = 40  # of the path of an image


def transcript(entries: Sequence[Mapping[str, Any]]) -> str:
    """Format the latest `MAX_LINES` entries of a journal, one line per entry."""
    shown = entries if len(entries) <= MAX_LINES else entries[1 - MAX_LINES :]
    lines = [_format_entry(each) for each in shown]
    if len(shown) < len(entries):
        lines.insert(0, f"… {len(entries) - len(shown):,} earlier entries")
    return "\n".join(lines) or "no requests"


def _format_entry(entry: Mapping[str, Any]) -> str:
    """`16:02:11  POST /v1/images/edits  400  invalid_request: why [rule, source]`."""
    at = time.strftime("%H:%M:%S", time.localtime(entry["at"]))
    status = entry["status"] if entry["outcome"] != "aborted" else "—"
    decision = _describe_decision(entry)
    path = entry["path"]
    if entry.get("operation") == IMAGE_OPERATION:
        path = f"{path[:MAX_URL_LENGTH]}…"
    line = f"{at}  {entry['method']} {path}  {status}  {decision}"
    line = "".join(each if each.isprintable() else "·" for each in line)
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"


def _describe_decision(entry: Mapping[str, Any]) -> str:
    decision, cost = entry["decision"], entry["cost"]
    trigger = decision.get("trigger")
    requested_by = f" (requested by {trigger})" if trigger else ""
    if decision.get("fault"):
        lost = describe_undelivered(entry)
        return f"{decision['fault']}{requested_by}{f', {lost}' if lost else ''}"
    if decision.get("undocumented") and not decision.get("error"):
        return f"a response that is not from the document{requested_by}"
    if decision.get("error"):
        claims = [
            f" [{each['claim']}, {each['source']}]"
            for each in decision.get("violations", [])[:1]
        ]
        reason = requested_by or f": {decision['because']}{''.join(claims)}"
        return f"{decision['error']}{reason}"
    if entry["outcome"] == "aborted":
        return "client disconnected before the response"
    if entry.get("operation") == IMAGE_OPERATION:
        return "image downloaded"
    if entry.get("operation") == WEBHOOK_OPERATION:
        return f"webhook of {entry['task']['state']} sent"
    outputs = describe_outputs(entry)
    if cost.get("amount") is not None:
        return f"{outputs}, {cost['amount']:.3f} {cost['currency']} at list price"
    return outputs
