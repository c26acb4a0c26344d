"""The ways in which responses about tasks are damaged."""

import itertools
from dataclasses import replace
from typing import Any

from faulty_servers.tasks.relay import FILE, Change, Members, Reply, answer, edit, on

CREATE, READ, LIST, STOP, CONTENT = "create", "read", "list", "cancel", "content"
EVENTS = "events"
_NUMBERS = itertools.count(1)


def _data(body: Members) -> Members:
    return body["data"] if isinstance(body.get("data"), dict) else body


def state(*words: str) -> Change:
    """Replace the state in the reads of a task, one word after the other."""

    def change(body: Members, reply: Reply) -> None:
        inner = _data(body)
        name = "task_status" if "task_status" in inner else "status"
        inner[name] = words[min(reply.count, len(words)) - 1]

    return edit(READ)(change)


def member(name: str, *values: object, roles: tuple[str, ...] = (READ,)) -> Change:
    """Replace a member, one value after the other; functions change the old value."""

    def change(body: Members, reply: Reply) -> None:
        value = values[min(reply.count, len(values)) - 1]
        inner = _data(body)
        if name in inner:
            inner[name] = value(inner[name]) if callable(value) else value

    return edit(*roles)(change)


def file(**changes: Any) -> Change:
    """Change the responses to the URLs of results."""
    return answer(FILE, **changes)


@on(FILE, CONTENT)
def cut(reply: Reply) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


@edit(READ)
def early_result(body: Members, reply: Reply) -> None:
    inner = _data(body)
    inner.setdefault("content", {"video_url": "http://127.0.0.1/early.mp4"})


@edit(READ)
def no_result(body: Members, reply: Reply) -> None:
    _data(body).pop("task_result", None)
    body.pop("content", None)
    if "output" in body:
        body["output"] = []


@edit(READ)
def no_last_frame(body: Members, reply: Reply) -> None:
    body.get("content", {}).pop("last_frame_url", None)


@edit(READ)
def fewer_results_later(body: Members, reply: Reply) -> None:
    if body["status"] == "completed":
        reply.memory["seen"] = reply.memory.get("seen", 0) + 1
        body["output"] = body["output"][: 3 - reply.memory["seen"]]


@edit(READ)
def one_result_of_two(body: Members, reply: Reply) -> None:
    body["output"] = body["output"][:1]


@edit(READ)
def usage_grows(body: Members, reply: Reply) -> None:
    if "usage" in body:
        body["usage"]["total_tokens"] += reply.count
        body["usage"]["completion_tokens"] += reply.count


@edit(READ)
def failure_without_reason(body: Members, reply: Reply) -> None:
    inner = _data(body)
    for name in ("error", "task_status_msg"):
        inner.pop(name, None)


def failure_as_500(reply: Reply) -> Reply:
    if _data(reply.json).get("status") != "failed":
        return reply
    return reply.with_json(
        {"error": {"code": "x", "message": "It failed."}}, status=500
    )


def goes_on_after_success(*words: str) -> Change:
    """After the first final state, the given ones."""

    def change(body: Members, reply: Reply) -> None:
        inner = _data(body)
        name = "task_status" if "task_status" in inner else "status"
        if inner[name] not in {"succeeded", "succeed", "completed"}:
            return
        seen = reply.memory["seen"] = reply.memory.get("seen", 0) + 1
        if seen > 1:
            inner[name] = words[min(seen - 2, len(words) - 1)]

    return edit(READ)(change)


def in_events(old: str, new: str) -> Change:
    """Replace a text in the events of a stream."""

    def apply(reply: Reply) -> Reply:
        if reply.role != EVENTS:
            return reply
        return replace(reply, body=reply.body.replace(old.encode(), new.encode()))

    return apply


def no_last_event(reply: Reply) -> Reply:
    if reply.role == EVENTS and b"succeeded" in reply.body:
        return replace(reply, body=b": nothing\n\n")
    return reply


@edit(LIST)
def list_without_the_task(body: Members, reply: Reply) -> None:
    key = "items" if "items" in body else "data"
    body[key] = []


@edit(LIST)
def list_is_an_object(body: Members, reply: Reply) -> None:
    key = "items" if "items" in body else "data"
    body[key] = {"0": None}


@edit(LIST)
def page_size_is_ignored(body: Members, reply: Reply) -> None:
    key = "items" if "items" in body else "data"
    body[key] = [*body[key], *body[key]][:2] if body[key] else body[key]


def cancelled_in_words_only(reply: Reply) -> Reply:
    """Accept each cancellation: the request never reaches the task."""
    if reply.role == STOP:
        return replace(reply, status=200, body=b"{}")
    if reply.role == READ and reply.is_success:
        return state("running")(reply) if "cancelled" in reply.body.decode() else reply
    return reply


def running_is_cancelled(reply: Reply) -> Reply:
    if reply.role == STOP:
        reply.memory["stopped"] = True
        return reply.with_json({}, status=200)
    if reply.role == READ and reply.memory.get("stopped"):
        left = {k: v for k, v in reply.json.items() if k not in {"content", "usage"}}
        return reply.with_json({**left, "status": "cancelled"})
    return reply


def still_readable(reply: Reply) -> Reply:
    """Keep the last success response to a read for reads after a deletion."""
    if reply.role != READ:
        return reply
    if reply.is_success:
        reply.memory["last"] = reply.body
        return reply
    return replace(reply, status=200, body=reply.memory.get("last", reply.body))


def retry_after(text: str) -> Change:
    """Limit the rate of the second read, with this `Retry-After`."""

    def apply(reply: Reply) -> Reply:
        if reply.role != READ or reply.count != 2:
            return reply
        envelope = {"error": {"code": "rate_limited", "message": "Slow down"}}
        headers = {**reply.headers, **({"Retry-After": text} if text else {})}
        return replace(reply.with_json(envelope, status=429), headers=headers)

    return apply


def content_before_the_end(reply: Reply) -> Reply:
    if reply.role == CONTENT and not reply.is_success and reply.has_key:
        return replace(
            reply, status=200, body=b"", headers={"Content-Type": "video/mp4"}
        )
    return reply


def content_without_key(reply: Reply) -> Reply:
    if reply.role == CONTENT and reply.is_success:
        reply.memory["content"] = reply.body
    if reply.role == CONTENT and not reply.has_key and "content" in reply.memory:
        headers = {"Content-Type": "video/mp4"}
        return replace(reply, status=200, body=reply.memory["content"], headers=headers)
    return reply


@edit(CREATE)
def picture_at_once(body: Members, reply: Reply) -> Members:
    return {"created": 1_700_000_000, "data": [{"b64_json": "aGk="}]}


@edit(CREATE)
def no_id(body: Members, reply: Reply) -> None:
    for members in (body, _data(body)):
        members.pop("id", None)
        members.pop("task_id", None)


def another_id(value: object) -> str:
    return f"{value}{next(_NUMBERS)}"


def rename_state(old: str, new: str) -> Change:
    def change(body: Members, reply: Reply) -> None:
        inner = _data(body)
        name = "task_status" if "task_status" in inner else "status"
        if inner.get(name) == old:
            inner[name] = new

    return edit(READ)(change)


def unknown(**changes: Any) -> Change:
    """Change the error responses to reads."""
    return answer(READ, success=False, **changes)


def cancel_refused_after_the_end(reply: Reply) -> Reply:
    if reply.role != STOP:
        return reply
    envelope = {"error": {"code": "InvalidParameter", "message": "No"}}
    return reply.with_json(envelope, status=400)


def one_failing_read(reply: Reply) -> Reply:
    """A gateway that fails now and then."""
    if reply.role == READ and reply.count == 2:
        return reply.with_text("<html>Bad gateway</html>", "text/html", status=502)
    return reply


def failing_read(reply: Reply) -> Reply:
    """A gateway that knows no task any more after two reads."""
    if reply.role == READ and reply.count > 2:
        return reply.with_text("<html>Bad gateway</html>", "text/html", status=502)
    return reply


def as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def in_milliseconds(value: Any) -> Any:
    return value * 1000 if isinstance(value, int) else value


def in_seconds(value: Any) -> Any:
    return value // 1000 if isinstance(value, int) else value


def later_by(seconds: float) -> Any:
    def apply(value: Any) -> Any:
        return value + seconds if isinstance(value, int) else value

    return apply
