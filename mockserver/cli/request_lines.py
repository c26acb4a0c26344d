"""A request as lines for a terminal: request, response, and the rule behind it."""

import textwrap
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mockserver.json_text import printable
from mockserver.state.statistics import (
    IMAGE_OPERATION,
    WEBHOOK_OPERATION,
    describe_outputs,
    describe_undelivered,
)

MAX_PATH_LENGTH = 48
MAX_REASON_LINES = 5
INDENT = " " * 10  # below the method


def request_lines(entry: Mapping[str, Any], width: int = 100) -> str:
    """
    A journal entry in lines of at most `width` characters.

        16:02:11  POST /NAME/v1/images/edits  400  invalid_request  1 ms
                  n: must be at most 10 (n/maximum, R-spec#n, documented)
    """
    at = time.strftime("%H:%M:%S", time.localtime(entry["at"]))
    path = printable(entry["path"])
    if len(path) > MAX_PATH_LENGTH:
        path = f"{path[: MAX_PATH_LENGTH - 1]}…"
    status = str(entry["status"] or "no response")
    facts = [f"{at}  {entry['method']} {path}", status, *_facts(entry)]
    lines = [_cut("  ".join(facts), width)]
    for reason in _reasons(entry["decision"]):
        lines += textwrap.wrap(
            printable(reason),
            width,
            initial_indent=INDENT,
            subsequent_indent=INDENT,
            max_lines=MAX_REASON_LINES,
            placeholder="…",
        )
    return "\n".join(lines)


def describe_rule(violation: Mapping[str, Any]) -> str:
    """`(n/maximum, R-spec#n, documented)`."""
    facts = (violation["claim"], violation["source"], violation["basis"])
    return f"({', '.join(filter(None, facts))})"


def _facts(entry: Mapping[str, Any]) -> Iterator[str]:
    decision, cost = entry["decision"], entry["cost"]
    named = [decision["error"], decision.get("fault")]
    if any(named):
        yield " and ".join(filter(None, named))
    elif entry["operation"] == IMAGE_OPERATION:
        yield "image downloaded"
    elif entry["operation"] == WEBHOOK_OPERATION:
        yield f"webhook of {entry['task']['state']} sent"
    elif entry["outcome"] == "aborted":
        yield "client disconnected"
    elif entry["images"] or entry.get("outputs"):
        yield describe_outputs(entry)
    if decision.get("trigger"):
        yield f"triggered by {decision['trigger']}"
    if entry.get("undelivered"):
        yield describe_undelivered(entry)
    if decision.get("undocumented"):
        yield "not from the document"
    if decision.get("replayed"):
        yield "replayed"
    if cost.get("amount"):
        yield f"{cost['amount']:.3f} {cost['currency']}"
    yield f"{entry['seconds'] * 1000:.0f} ms"


def _reasons(decision: Mapping[str, Any]) -> Iterator[str]:
    violations = decision.get("violations", [])
    broken = [each for each in violations if each["basis"] == "documented"]
    if decision["error"] and not decision.get("trigger"):
        if violations:
            first = (broken or violations)[0]
            yield f"{first['says']} {describe_rule(first)}"
        elif decision["because"]:
            yield decision["because"]
    elif violations and decision.get("state") == "unspecified":
        first = violations[0]
        yield f"accepted, but unspecified: {first['says']} {describe_rule(first)}"
    if decision.get("ignored"):
        yield f"ignored: {', '.join(decision['ignored'])}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
