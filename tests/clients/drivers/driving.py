"""
Orders come as lines of JSON, answers go as lines of JSON; several may be under way.

An order names its `call` and carries an `id`, which its answer repeats. A call gives
the answer's members; what it raises becomes the member `error`.
"""

import base64
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Order = dict[str, Any]


def drive(**calls: Callable[[Order], dict[str, Any]]) -> None:
    """Do what is ordered until no more orders come."""
    # What a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    one_at_a_time = threading.Lock()

    def do(order: Order) -> None:
        try:
            answer = calls[order["call"]](order)
        except Exception as error:
            answer = {"error": described(error)}
        with one_at_a_time:
            answers.write(json.dumps({"id": order["id"], **answer}) + "\n")
            answers.flush()

    with ThreadPoolExecutor(8) as pool:
        for line in sys.stdin:
            pool.submit(do, json.loads(line))


def described(error: Exception) -> dict[str, Any]:
    names = ("status_code", "code", "param", "type", "request_id")
    found = {name: getattr(error, name, None) for name in names}
    classes = [each.__name__ for each in type(error).__mro__]
    return {"class": classes[0], "is": classes, "message": str(error), **found}


def downloaded(url: str) -> str:
    """The picture at an address, `data:` or `http:`, in base64."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return base64.b64encode(answer.read()).decode()


def pictures(data: list[Any]) -> dict[str, Any]:
    """The pictures in base64, and the member in which each of them came."""
    given = ["b64_json" if each.b64_json else "url" for each in data]
    images = [each.b64_json or downloaded(each.url) for each in data]
    return {"images": images, "given": given}
