"""A draft from recordings: what was seen, as assumptions and never as promises."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from contracts.scaffold.completion import PATHS, complete
from contracts.scaffold.draft import (
    Draft,
    ScaffoldError,
    base_url_task,
    live_server,
    placeholder_url,
)
from contracts.scaffold.error_samples import usual_error_name
from contracts.scaffold.seen_values import describe_values
from mockserver.recordings.cassette_file import CassetteError, RecordedResponse
from mockserver.recordings.cassettes import Cassettes
from mockserver.recordings.sse_events import split_events
from specs import EVENT_STREAM, FORM, JSON
from specs.media.image import OPERATIONS

SOURCE = "recordings"
_PLACEHOLDERS = {
    *("b64_json", "background", "created_at", "output_format", "partial_image_index"),
    *("quality", "size", "usage"),
}


@dataclass(frozen=True)
class _Exchange:
    """A recorded request and its response; `body` is JSON, or None."""

    operation: str
    path: str
    media_type: str
    payload: dict[str, Any]
    status: int
    body: Any
    events: tuple[dict[str, Any], ...]
    at: float | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def draft_from_recordings(name: str, folder: Path) -> Draft:
    """Raises `ScaffoldError` for a folder without a recorded image request."""
    try:
        recordings = Cassettes.open(folder).recordings
        exchanges = list(filter(None, map(_exchange, recordings)))
    except CassetteError as error:
        raise ScaffoldError(str(error)) from None
    if not any(each.is_success for each in exchanges):
        raise ScaffoldError(
            f"{folder} has no recorded success of {' or '.join(OPERATIONS)}: record "
            "some with `imageparity proxy --record`"
        )
    others = len(recordings) - len(exchanges)
    left_out = [f"{others} recordings of other operations or without a request"]
    base_url = placeholder_url(name)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1"},
        "servers": [{"url": base_url}],
        "x-source": SOURCE,
        "x-basis": "assumed",
        "paths": {},
    }
    draft = Draft(
        document,
        {
            "title": name,
            "live": live_server(name, base_url),
            "model": _model(exchanges),
        },
        {SOURCE: _source(folder, exchanges)},
        left_out=left_out if len(recordings) > len(exchanges) else [],
        to_do=[
            base_url_task(base_url),
            "cite your page with `x-source` and `x-basis: documented` where it says so",
            "list the values of a field as an `enum` where your page lists them all",
        ],
    )
    for operation in OPERATIONS:
        own = [each for each in exchanges if each.operation == operation]
        if any(each.is_success for each in own):
            content = _operation(operation, own, draft.left_out)
            document["paths"][own[0].path] = {"post": content}
        elif own:
            draft.left_out.append(f"{operation}, of which no success was recorded")
    if any(map(_has_data_uri, exchanges)):
        delivery = {"give": "data_uri", "source": SOURCE, "basis": "assumed"}
        draft.dialect["delivery"] = [delivery]
    complete(draft)
    return draft


def _has_data_uri(exchange: _Exchange) -> bool:
    """True if an image came in the response, and in the field of a URL."""
    data = exchange.body.get("data") if isinstance(exchange.body, dict) else None
    items = data if isinstance(data, list) else []
    urls = [each.get("url") for each in items if isinstance(each, dict)]
    return any(str(url).startswith("data:") for url in urls)


def _exchange(recording: RecordedResponse) -> _Exchange | None:
    """The content of a recording of an image operation, else None."""
    request = json.loads(recording.path.read_text(encoding="utf-8"))["request"]
    payload, media_type = recording.payload, request.get("media_type", "")
    if isinstance(payload, dict) and "sha256 of the body" in payload:  # of `run`
        payload = payload["payload"]
    if recording.operation not in OPERATIONS or not isinstance(payload, dict):
        return None
    data = recording.body()
    return _Exchange(
        operation=recording.operation,
        media_type=FORM if media_type.startswith("multipart/") else JSON,
        path=str(request.get("path") or PATHS[recording.operation]).partition("?")[0],
        payload=payload,
        status=recording.status,
        body=None if recording.is_stream else _json(data.decode("utf-8", "replace")),
        events=tuple(_events(data)) if recording.is_stream else (),
        at=recording.at,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the data of the events of a stream that are JSON objects with a type."""
    for event in split_events(data):
        lines = event.decode("utf-8", "replace").splitlines()
        text = "\n".join(
            line[5:].removeprefix(" ") for line in lines if line.startswith("data:")
        )
        value = _json(text)
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            yield value


def _source(folder: Path, exchanges: Sequence[_Exchange]) -> dict[str, str]:
    times = [each.at for each in exchanges if each.at is not None]
    day = (
        datetime.fromtimestamp(max(times), UTC).date() if times else date.today()  # noqa: DTZ011
    )
    return {
        "grade": "GUESS",
        "date": day.isoformat(),
        "title": f"{len(exchanges)} recorded requests, {folder.name}",
        "url": "",
    }


def _model(exchanges: Sequence[_Exchange]) -> str:
    models = [each.payload.get("model") for each in exchanges if each.is_success]
    return next((each for each in models if isinstance(each, str)), "default")


def _operation(
    operation: str, exchanges: Sequence[_Exchange], left_out: list[str]
) -> dict[str, Any]:
    successes = [each for each in exchanges if each.is_success]
    content = {}
    for media_type in dict.fromkeys(each.media_type for each in successes):
        payloads = [each.payload for each in successes if each.media_type == media_type]
        schema = describe_values(payloads, with_files=media_type == FORM)
        needed = {"prompt", "model", "image"}  # of others, that they came proves little
        schema["required"] = [each for each in schema["required"] if each in needed]
        content[media_type] = {"schema": {"x-null": "unspecified", **schema}}
    bodies = [each.body for each in successes if isinstance(each.body, dict)]
    success: dict[str, Any] = {"description": "The images", "content": {}}
    if bodies:
        schema = describe_values(bodies, with_examples=False)
        success["content"][JSON] = {"schema": schema}
    stream = _stream(successes)
    if stream:
        success["content"][EVENT_STREAM] = stream
    elif any(each.events for each in successes):
        left_out.append(
            f"{operation}: the stream: it takes a recorded partial and a final image"
        )
    return {
        "operationId": operation,
        "requestBody": {"required": True, "content": content},
        "responses": {"200": success, **_errors(exchanges)},
    }


def _stream(successes: Sequence[_Exchange]) -> dict[str, Any] | None:
    """The recorded events by type; None unless partial and final images were seen."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for event in (event for each in successes for event in each.events):
        by_type.setdefault(event["type"], []).append(event)
    with_image = {name: each for name, each in by_type.items() if "b64_json" in each[0]}
    partial = next((each for each in with_image if "partial" in each), None)
    final = next((each for each in with_image if "partial" not in each), None)
    if partial is None or final is None:
        return None
    branches = []
    for name, events in by_type.items():
        schema = describe_values(events, with_examples=False)
        schema["properties"]["type"] = {"const": name}
        branches.append(schema)
    examples = {
        key: {
            "value": {
                name: f"{{{name}}}" if name in _PLACEHOLDERS else value
                for name, value in by_type[type_][0].items()
            }
        }
        for key, type_ in (("partial_image", partial), ("completed", final))
    }
    return {"schema": {"oneOf": branches}, "examples": examples}


def _errors(exchanges: Sequence[_Exchange]) -> dict[str, Any]:
    """The recorded error responses by status, an example for each code."""
    responses: dict[str, Any] = {}
    names: set[str] = set()
    for status in sorted({each.status for each in exchanges if each.status >= 400}):
        bodies = [each.body for each in exchanges if each.status == status]
        objects = [each for each in bodies if isinstance(each, dict)]
        if not objects:
            continue
        examples: dict[str, Any] = {}
        for body in objects:
            usual = usual_error_name(status)
            name = usual if usual not in names else _code(body)
            if name and name not in names:
                names.add(name)
                examples[name] = {"value": _as_template(body, name)}
        responses[str(status)] = {
            "description": f"Recorded with status {status}",
            "content": {
                JSON: {
                    "schema": describe_values(objects, with_examples=False),
                    **({"examples": examples} if examples else {}),
                }
            },
        }
    return responses


def _code(body: dict[str, Any]) -> str:
    """The code of an error as the name of an example; empty if it has none."""
    error = body.get("error")
    fields = error if isinstance(error, dict) else body
    code = fields.get("code") or fields.get("type") or ""
    return re.sub("[^a-z0-9]+", "_", str(code).lower()).strip("_")


def _as_template(value: Any, name: str) -> Any:
    """A recorded error body whose message and field depend on the request."""
    if not isinstance(value, dict) or name != "invalid_request":
        return value
    return {
        key: "{message}"
        if key == "message" and isinstance(each, str)
        else "{param}"
        if key == "param"
        else _as_template(each, name)
        for key, each in value.items()
    }
