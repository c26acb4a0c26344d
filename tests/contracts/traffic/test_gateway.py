"""Gateways of our own between mock and caller, each with one known damage."""

import asyncio
import base64
import functools
import gzip
import io
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from multidict import CIMultiDict
from PIL import Image
from support.commands import run_command
from support.processes import free_port

import specs
from contracts.cli.documents.schema import schema
from contracts.cli.traffic.gateway import DEFAULT_FAIL_ON
from contracts.execution.sending.target import Target
from contracts.judging.outcome import FeatureVerdict
from contracts.media.registry import usual_image_operations
from contracts.reporters.gateway import GatewayReport, json_text, markdown
from contracts.traffic.gateway.features import known_features
from contracts.traffic.gateway.questions import Planner
from contracts.traffic.gateway.rows import GatewayRow
from contracts.traffic.gateway.session import GatewaySession, Unusable, open_session
from contracts.traffic.gateway.upstream import RecordingUpstream, recording_upstream
from contracts.traffic.gateway.verdicts import GatewayDiff
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

CALLERS, OWN = "sk-of-the-caller-4f7a", "sk-of-the-gateway"
PASSED = ("Content-Type", "Retry-After")
ENVELOPE = {"error": {"message": "No.", "type": "invalid_request_error"}}
FAILS = frozenset(map(FeatureVerdict, DEFAULT_FAIL_ON.split(",")))

Answer = Callable[[Any], Any]


def refuse_unreadable(why: str) -> web.Response:
    return web.json_response({"error": {"message": why}}, status=502)


@dataclass(frozen=True)
class Damage:
    """
    The defects of a gateway; none for those left out.

    `asked` changes the JSON of a request, `parts` those of a form, `said` the JSON of a
    success, `events` those of a stream, which is collected first. `instead` responds in
    place of the upstream, `after` in place of its response (status, headers, body).
    """

    asked: Answer | None = None
    parts: Callable[[list[bytes]], list[bytes]] | None = None
    said: Answer | None = None
    events: Callable[[list[bytes]], list[bytes]] | None = None
    instead: Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]] = (
        field(default=None)
    )
    after: Callable[[int, bytes], web.Response | None] = lambda status, body: None
    broken: Callable[[str], web.Response] = refuse_unreadable
    key: str | None = OWN
    attempts: int = 1


def gateway(upstream: str, damage: Damage) -> web.Application:
    """A gateway that passes on what it is asked, but for one damage."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if damage.instead is not None:
            answer = await damage.instead(request, body)
            if answer is not None:
                return answer
        body = damaged(body, request.content_type, damage)
        headers = {"Content-Type": request.headers["Content-Type"]}
        key = damage.key or request.headers["Authorization"].partition(" ")[2]
        headers["Authorization"] = f"Bearer {key}"
        async with aiohttp.ClientSession() as session:
            for attempt in range(damage.attempts):
                url = upstream + request.path.removeprefix("/v1")
                async with session.post(url, data=body, headers=headers) as answer:
                    if answer.status != 200 and attempt + 1 < damage.attempts:
                        continue
                    return await passed_on(request, answer, damage)
        raise AssertionError("no attempt was made")

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except (aiohttp.ClientError, ValueError) as error:
            return damage.broken(str(error))

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/images/{name}", guarded)
    return app


def damaged(body: bytes, content_type: str, damage: Damage) -> bytes:
    if content_type == "application/json" and damage.asked:
        return json.dumps(damage.asked(json.loads(body))).encode()
    if content_type == "multipart/form-data" and damage.parts:
        line = body.partition(b"\r\n")[0]
        parts = body.split(line)[1:-1]
        return b"".join(line + each for each in damage.parts(parts)) + line + b"--\r\n"
    return body


async def passed_on(
    request: web.Request, answer: aiohttp.ClientResponse, damage: Damage
) -> web.StreamResponse:
    headers = {name: answer.headers[name] for name in PASSED if name in answer.headers}
    if answer.content_type == "text/event-stream" and damage.events is None:
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except aiohttp.ClientError:
            request.transport.abort()
        return response
    body = await answer.read()
    if answer.content_type == "text/event-stream":
        events = [each + b"\n\n" for each in body.split(b"\n\n") if each]
        return web.Response(body=b"".join(damage.events(events)), headers=headers)
    if answer.content_type == "application/json":
        value = json.loads(body)
        if answer.status == 200 and damage.said:
            body = json.dumps(damage.said(value)).encode()
    elif answer.status != 200:
        return damage.broken(f"the upstream answered {answer.content_type}")
    replaced = damage.after(answer.status, body)
    if replaced is not None:
        return replaced
    return web.Response(status=answer.status, body=body, headers=headers)


@asynccontextmanager
async def between(
    upstream: specs.Provider, damage: Damage
) -> AsyncIterator[tuple[Any, str]]:
    async with recording_upstream(upstream, "127.0.0.1", 0) as (recorder, url):
        runner = web.AppRunner(
            gateway(url, damage),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield recorder, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()


loaded = functools.cache(specs.load)


def examined(
    damage: Damage,
    *features: str,
    name: str = "openai",
    dialect: str | None = None,
    model: str | None = None,
    patience: float = 20.0,
    key: str = CALLERS,
) -> list[GatewayRow]:
    """The rows about features; all, if none is named."""
    upstream = loaded(name)
    provider = loaded(dialect or name)
    models = {provider.dialect.model: model} if model else {}
    questions = [
        each
        for each in Planner(provider, upstream, models, run_id="q0a1b2c").questions()
        if not features or {*each.features} & {*features}
    ]

    async def conduct() -> list[Any]:
        async with (
            between(upstream, damage) as (recorder, url),
            open_session() as session,
        ):
            asker = GatewaySession(session, recorder, Target(url, key), patience)
            return await asker.send_all(questions, lambda: None)

    judge = GatewayDiff(provider, upstream, Target("", key))
    asked = asyncio.run(conduct())
    return list(judge.rows(asked))


def one(rows: list[GatewayRow], feature: str, **wanted: str) -> GatewayRow:
    """The first row about a feature."""
    return next(
        row
        for row in rows
        if row.feature == feature
        and all(getattr(row, name) == each for name, each in wanted.items())
    )


def verdicts(rows: list[GatewayRow], feature: str) -> set[str]:
    return {str(row.verdict) for row in rows if row.feature == feature}


def without(*names: str) -> Answer:
    return lambda value: {k: v for k, v in value.items() if k not in names}


@functools.cache
def all_rows_of_a_sound_gateway(name: str) -> list[GatewayRow]:
    return examined(Damage(), name=name)


def test_a_gateway_that_passes_all_on_is_found_to_do_so(provider):
    rows = all_rows_of_a_sound_gateway(provider.id)

    report = GatewayReport("0", "g", provider.id, provider.id, rows, FAILS)
    assert report.failures == []
    kept = {row.group for row in rows if row.verdict is FeatureVerdict.HONOURED}
    assert kept >= {"request", "edits", "answer", "errors"}
    assert ("stream" in kept) == provider.operations["createImage"].supports_streaming
    documented = provider.operations["createImage"].errors
    assert {row.feature for row in rows if row.group == "errors"} == set(documented)
    assert one(rows, "slow").verdict is FeatureVerdict.HONOURED
    for fault in ("reset", "empty", "truncate", "stall", "garbage", "html"):
        assert one(rows, fault).verdict is FeatureVerdict.REFUSED, fault


def test_a_gateway_may_close_each_connection_after_a_response():
    """It says nothing before, so a second request of a connection has no response."""
    used = []

    async def once(request: web.Request, body: bytes) -> web.Response | None:
        if request.transport in used:
            request.transport.close()
            return web.Response()
        used.append(request.transport)
        return None

    faults = ("truncate", "garbage", "html")
    rows = examined(Damage(instead=once), "size", "quality", *faults)

    assert len(used) == len({*used}) >= 5
    assert verdicts(rows, "size") == verdicts(rows, "quality") == {"honoured"}
    for fault in faults:
        assert one(rows, fault).verdict is FeatureVerdict.REFUSED, fault


def test_every_member_of_a_body_is_asked_about_or_said_to_be_untested(provider):
    planner = Planner(provider, provider, {}, run_id="q0")
    questions = planner.questions()

    for operation in usual_image_operations(provider).values():
        body = min(operation.bodies.values(), key=lambda b: b.media_type[0] != "m")
        about = {
            name
            for each in questions
            if each.operation.id == operation.id
            for name in each.case.payload
        }
        streams = {"stream", "partial_images"} & set(body.properties)
        wanted = set(body.properties) - (
            streams if not operation.supports_streaming else set()
        )
        if "image" in body.properties:
            wanted -= streams
        aliases = {
            each
            for names in provider.dialect.fields.get(operation.id, {}).values()
            for each in names
        }
        # Of uploads, the image and its mask are asked about.
        assert wanted - aliases - {"markup"} <= about
    markers = [each.marker for each in questions]
    assert len(set(markers)) == len(markers)
    for probe in questions:
        assert probe.untested or probe.marker in probe.case.payload["prompt"]


def swap(value: dict[str, Any], name: str, other: str) -> dict[str, Any]:
    return {other if key == name else key: each for key, each in value.items()}


def nest(value: dict[str, Any], name: str, into: str) -> dict[str, Any]:
    return (
        {**without(name)(value), into: {name: value[name]}} if name in value else value
    )


def texts(value: dict[str, Any]) -> dict[str, Any]:
    return {key: str(each) for key, each in value.items()}


def cut(value: dict[str, Any], length: int) -> dict[str, Any]:
    return {**value, "prompt": value["prompt"][:length]}


async def refuse(
    body: bytes, member: str, status: int, answer: Any
) -> web.Response | None:
    if f'"{member}"'.encode() not in body:
        return None
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, content_type="text/html")
    return web.json_response(answer, status=status)


async def break_off(request: web.Request) -> web.Response:
    request.transport.abort()
    return web.Response()


def each_item(value: dict[str, Any], change: Answer) -> dict[str, Any]:
    return {**value, "data": [change(each) for each in value["data"]]}


def again(item: dict[str, str]) -> dict[str, str]:
    """The same picture, encoded once more."""
    image = Image.open(io.BytesIO(base64.b64decode(item["b64_json"])))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return {"b64_json": base64.b64encode(out.getvalue()).decode()}


def as_data_uri(item: dict[str, str]) -> dict[str, str]:
    return {"url": f"data:image/png;base64,{item['b64_json']}"}


CHANGES = [
    ("size", {"asked": lambda v: swap(v, "size", "dimensions")}, "renamed"),
    ("size", {"asked": lambda v: nest(v, "size", "extra_body")}, "renamed"),
    ("quality", {"asked": without("quality")}, "ignored"),
    ("n", {"asked": lambda v: {**v, "n": 1}}, "altered"),
    ("output_compression", {"asked": texts}, "altered"),
    ("prompt", {"asked": lambda v: {**v, "prompt": v["prompt"].split()[0]}}, "altered"),
    ("prompt, long", {"asked": lambda v: cut(v, 1000)}, "altered"),
    ("user", {"instead": lambda r, b: refuse(b, "user", 400, ENVELOPE)}, "refused"),
    (
        "user",
        {"instead": lambda r, b: refuse(b, "user", 500, ENVELOPE)},
        "refused-badly",
    ),
    (
        "user",
        {"instead": lambda r, b: refuse(b, "user", 403, "<html>")},
        "refused-badly",
    ),
    ("user", {"instead": lambda r, b: refuse(b, "user", 200, {})}, "ignored"),
    ("user", {"instead": lambda r, b: break_off(r)}, "refused-badly"),
    ("user", {"instead": lambda r, b: asyncio.sleep(30)}, "refused-badly"),
    ("user", {"after": lambda s, b: web.Response(status=500)}, "refused-badly"),
    ("image, several", {"parts": lambda p: p[::-1]}, "altered"),
    ("image, several", {"parts": lambda p: p[:-1]}, "altered"),
    (
        "image",
        {"parts": lambda p: [each.replace(b"IDAT", b"IDAT!") for each in p]},
        "altered",
    ),
    ("mask", {"parts": lambda p: [e for e in p if b'"mask"' not in e]}, "ignored"),
    (
        "quality",
        {"parts": lambda p: [e for e in p if b'"quality"' not in e]},
        "ignored",
    ),
    ("model", {"key": None}, "honoured"),
    ("key", {"key": None}, "altered"),
    ("nothing added", {"asked": lambda v: {**v, "style": "vivid"}}, "altered"),
    ("usage", {"said": without("usage")}, "ignored"),
    ("usage", {"said": lambda v: {**v, "usage": {}}}, "altered"),
    ("created", {"said": lambda v: {**v, "created": v["created"] * 1000}}, "altered"),
    ("images", {"said": lambda v: each_item(v, again)}, "altered"),
    ("images", {"said": lambda v: each_item(v, as_data_uri)}, "renamed"),
    ("images", {"said": without("data")}, "ignored"),
    ("images, n=2", {"said": lambda v: {**v, "data": v["data"][::-1]}}, "altered"),
    ("images, n=2", {"said": lambda v: {**v, "data": v["data"][:1]}}, "altered"),
    ("events", {"events": lambda e: e[-1:]}, "ignored"),
    ("events", {"events": lambda e: [*e, *e]}, "altered"),
    ("events", {"asked": without("stream", "partial_images")}, "untested"),
    ("stream", {"asked": without("stream", "partial_images")}, "ignored"),
    ("events as they come", {"events": lambda e: e}, "altered"),
    (
        "images of events",
        {"events": lambda e: [x.replace(b"A", b"B") for x in e]},
        "altered",
    ),
]
OF = {  # the plainest question tells of these
    "key": "model",
    "nothing added": "model",
    "usage": "model",
    "created": "model",
    "images": "model",
}


@pytest.mark.parametrize(
    ("feature", "damage", "verdict"),
    CHANGES,
    ids=[
        f"{feature}-{verdict}-{at}" for at, (feature, _, verdict) in enumerate(CHANGES)
    ],
)
def test_each_damage_has_its_verdict(feature, damage, verdict):
    patience = 2 if feature == "user" else 20

    rows = examined(Damage(**damage), OF.get(feature, feature), patience=patience)

    assert verdict in verdicts(rows, feature), rows


def test_an_honest_gateway_has_none_of_these_verdicts():
    features = {feature for feature, *_ in CHANGES}

    rows = examined(Damage(), *{OF.get(each, each) for each in features})

    found = {each: verdicts(rows, each) for each in features}
    assert found == {each: {"honoured"} for each in features}


def test_what_no_document_promises_cannot_fail_a_gateway():
    rows = examined(
        Damage(
            asked=without("imageparity_unlisted"), said=without("imageparity_unlisted")
        ),
        "an unlisted field",
    )

    found = [row for row in rows if row.feature == "an unlisted field"]
    assert {row.group for row in found} == {"request", "answer"}
    assert {(row.verdict, row.promised) for row in found} == {
        (FeatureVerdict.IGNORED, False)
    }
    assert not GatewayReport("0", "g", "a", "b", found, FAILS).failures


TRANSPARENT = '"transparent"'


def refuse_models(*names: str) -> Damage:
    async def refuse_model(request: web.Request, body: bytes) -> web.Response | None:
        if not any(each.encode() in body for each in names):
            return None
        return web.json_response(ENVELOPE, status=404)

    return Damage(instead=refuse_model)


def test_a_value_is_asked_with_a_model_that_has_it():
    questions = Planner(loaded("openai"), loaded("openai"), {}, "q0").questions()

    asked = {
        (each.operation.id, each.member, str(each.case.payload[each.member])): each
        for each in questions
        if each.member
    }
    for operation in ("createImage", "createImageEdit"):
        transparent = asked[operation, "background", "transparent"]
        assert (transparent.model, transparent.promised) == (
            "gpt-image-2.5-sunburst",
            True,
        )
        assert transparent.case.payload["model"] == "gpt-image-2.5-sunburst"
        assert asked[operation, "background", "opaque"].model == ""
    assert asked["createImage", "output_format", "webp"].model == ""
    retired = {"response_format", "style"}
    assert {each.member for each in questions if each.untested} == retired


def test_a_value_of_another_model_is_tested_if_the_gateway_has_the_model():
    features = ("background", "model gpt-image-2.5-sunburst")

    offered = examined(Damage(), *features)
    row = one(offered, "background", sent=TRANSPARENT, operation="createImage")
    assert (row.verdict, row.promised) == (FeatureVerdict.HONOURED, True)

    missing = examined(refuse_models("gpt-image-2.5-sunburst"), *features)
    note = "it needs gpt-image-2.5-sunburst, which the gateway refuses"
    assert [(row.verdict, row.operation) for row in missing if row.note == note] == [
        (FeatureVerdict.UNTESTED, "createImage"),
        (FeatureVerdict.UNTESTED, "createImageEdit"),
    ]
    assert not GatewayReport("0", "g", "a", "b", missing, FAILS).failures


def test_a_gateway_that_refuses_only_the_value_fails():
    async def refuse_value(request: web.Request, body: bytes) -> web.Response | None:
        if b"transparent" not in body:
            return None
        return web.json_response(ENVELOPE, status=400)

    rows = examined(
        Damage(instead=refuse_value), "background", "model gpt-image-2.5-sunburst"
    )

    report = GatewayReport("0", "g", "a", "b", rows, FAILS)
    assert [(row.feature, row.sent) for row in report.failures] == [
        ("background", TRANSPARENT)
    ] * 2


def test_every_feature_of_a_report_is_known_before(provider):
    questions = Planner(provider, provider, {}, run_id="q0").questions()

    rows = all_rows_of_a_sound_gateway(provider.id)

    known = known_features(questions, provider)
    assert {row.feature for row in rows} - set(known) == set()


def reply(
    status: int, body: bytes, *, wrapped: bool = False, pause: str = "", **changes: Any
) -> web.Response:
    error = {**json.loads(body)["error"], **changes}
    if wrapped:
        error["message"] = f"upstream said: {error['message']}!"
    headers = {"Retry-After": pause} if pause else {}
    return web.json_response({"error": error}, status=status, headers=headers)


ERRORS = [
    (
        lambda s, b: web.json_response(ENVELOPE, status=500),
        "altered",
        "status 500 for 429",
    ),
    (reply, "altered", "no Retry-After"),
    (lambda s, b: reply(s, b, code="429"), "altered", 'code "429"'),
    (lambda s, b: reply(s, b, code=None), "altered", "no code"),
    (lambda s, b: reply(s, b, message="Sorry"), "altered", 'message "Sorry"'),
    (lambda s, b: reply(200, b), "altered", "as a success"),
    (
        lambda s, b: web.Response(status=s, text="<html>"),
        "refused-badly",
        "429 text/plain",
    ),
    (
        lambda s, b: reply(s, b, wrapped=True, pause="1"),
        "honoured",
        "rate_limit_exceeded",
    ),
]


@pytest.mark.parametrize(("after", "verdict", "says"), ERRORS)
def test_what_an_error_loses_is_named(after, verdict, says):
    row = one(examined(Damage(after=after), "rate_limited"), "rate_limited")

    assert (row.verdict, says in row.arrived) == (verdict, True), row


def test_attempts_at_the_upstream_are_counted():
    row = one(examined(Damage(attempts=3), "server_error"), "server_error")

    assert (row.verdict, row.note) == ("honoured", "3 requests to the upstream")


def test_a_gateway_that_cools_down_is_asked_again():
    refusals = iter([True, True, False])

    async def cooling(request: web.Request, body: bytes) -> web.Response | None:
        return web.json_response(ENVELOPE, status=429) if next(refusals) else None

    row = one(examined(Damage(instead=cooling), "server_error"), "server_error")

    assert (row.verdict, next(refusals, None)) == (FeatureVerdict.HONOURED, None)


FAULTS = [
    ("truncate", lambda why: web.json_response({"data": []}), "refused-badly"),
    ("reset", lambda why: web.Response(status=502, text="<html>"), "refused-badly"),
    ("html", lambda why: web.json_response({"created": 1}), "refused-badly"),
]


@pytest.mark.parametrize(("fault", "broken", "verdict"), FAULTS)
def test_a_broken_upstream_may_not_pass_for_a_whole_one(fault, broken, verdict):
    row = one(examined(Damage(broken=broken), fault), fault)

    assert row.verdict == verdict


def test_a_stream_that_is_cut_may_not_end_as_if_it_were_whole():
    assert one(examined(Damage(), "cut-stream"), "cut-stream").verdict == "honoured"

    ends = Damage(broken=lambda why: web.Response(content_type="text/event-stream"))
    rows = examined(Damage(events=lambda e: e, broken=ends.broken), "cut-stream")

    assert one(rows, "cut-stream").verdict == "altered"


def test_between_two_dialects_what_is_translated_is_honoured():
    def translated(value: dict[str, Any]) -> dict[str, Any]:
        value = swap(value, "output_format", "format")
        return {**value, "model": "openai/gpt-image-2"}

    features = ("model", "output_format", "size")
    pair = {"name": "tokenhub", "dialect": "openai", "model": "my-pictures"}
    rows = examined(Damage(asked=translated), *features, **pair)
    plain = examined(Damage(), *features, **pair)

    asked = [row for row in rows if row.group == "request"]
    # The upstream does not know the newest formats.
    assert verdicts(asked, "output_format") == {"honoured", "untested"}
    told = one(plain, "output_format", group="request")
    assert (told.verdict, told.arrived) == (
        "ignored",
        "output_format, which the upstream calls format",
    )
    assert one(plain, "model").sent == '"my-pictures"'


def test_neither_report_holds_the_callers_key():
    leaks = {"error": {"message": f"unknown key {CALLERS}"}}
    rows = examined(
        Damage(after=lambda s, b: web.json_response(leaks, status=401)), "user"
    )
    whole = GatewayReport("0", "http://127.0.0.1/v1", "openai", "openai", rows, FAILS)

    texts_ = (json_text(whole), markdown(whole))
    assert "unknown key ***" in texts_[0]
    assert not any(CALLERS in each for each in texts_)


# From the command line.


def sandwich(*words: object, **env: str) -> CompletedProcess[str]:
    return run_command("sandwich", *words, COLUMNS="120", **env)


@pytest.mark.parametrize(
    ("damage", "status"), [(Damage(), 0), (Damage(asked=without("quality")), 1)]
)
def test_the_command_waits_asks_and_writes(damage, status, tmp_path):
    port = free_port()
    upstream = f"http://127.0.0.1:{port}/openai/v1"
    paths = {name: tmp_path / "new" / name for name in ("report", "markdown")}
    with serve_in_thread(gateway(upstream, damage)) as (url, _):
        done = sandwich(
            f"{url}/v1",
            "--upstream-dialect=openai",
            f"--listen-port={port}",
            "--key-env=GATEWAY_KEY",
            *(f"--only={each}" for each in ("quality", "model", "usage", "stream")),
            *(f"--{name}={path}" for name, path in paths.items()),
            GATEWAY_KEY=CALLERS,
        )

    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    assert upstream in done.stdout
    report = json.loads(paths["report"].read_text())
    found = {(row["group"], row["feature"]): row["verdict"] for row in report["rows"]}
    assert found["request", "quality"] == ("ignored" if status else "honoured")
    passed = [("request", "model"), ("answer", "usage"), ("stream", "stream")]
    assert {found[each] for each in passed} == {"honoured"}
    assert sum(report["counts"].values()) == len(report["rows"])
    word = "**ignored**" if status else "honoured"
    assert re.search(
        rf"\| quality \| {re.escape(word)} \|", paths["markdown"].read_text()
    )
    last = done.stdout.splitlines()[-3]
    assert last.startswith("Failed: " if status else "Passed: ")
    assert CALLERS not in done.stdout + paths["report"].read_text()


async def refuse_quality(request: web.Request, body: bytes) -> web.Response | None:
    return await refuse(body, "quality", 400, ENVELOPE)


@pytest.mark.parametrize(
    ("damage", "feature", "exceptions", "status"),
    [
        (Damage(instead=refuse_quality), "quality", [], 1),
        (Damage(instead=refuse_quality), "quality", ["quality"], 0),
        (Damage(instead=refuse_quality), "quality", ["key"], 1),
        (
            Damage(instead=refuse_quality),
            "quality",
            ["createImage", "createImageEdit"],
            0,
        ),
        (Damage(key=None), "key", [], 1),
        (Damage(key=None), "key", ["key"], 0),
    ],
)
def test_a_documented_feature_fails_unless_it_is_excepted(
    damage, feature, exceptions, status, tmp_path
):
    port, path = free_port(), tmp_path / "report.json"
    with serve_in_thread(gateway(f"http://127.0.0.1:{port}/openai/v1", damage)) as (
        url,
        _,
    ):
        done = sandwich(
            f"{url}/v1",
            "--upstream-dialect=openai",
            f"--listen-port={port}",
            f"--only={feature}",
            f"--report={path}",
            *(f"--except={each}" for each in exceptions),
        )

    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    assert ("To accept one: --except FEATURE." in done.stdout) == bool(status)
    report = json.loads(path.read_text())
    validator = Draft202012Validator(schema("sandwich"))
    assert list(validator.iter_errors(report)) == []
    assert report["excepted"] == exceptions
    excepted = {row["feature"] for row in report["rows"] if row["excepted"]}
    assert excepted == (set() if status else {feature})


def test_a_gateway_that_never_asks_its_upstream_cannot_be_examined():
    async def alone(request: web.Request, body: bytes) -> web.Response:
        return web.json_response({"data": []})

    with serve_in_thread(gateway("http://127.0.0.1:1", Damage(instead=alone))) as (
        url,
        _,
    ):
        done = sandwich(
            f"{url}/v1", "--upstream-dialect=openai", "--listen-port=0", "--wait=5"
        )

    assert done.returncode == 2
    assert "may cost money" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_gateway_that_refuses_is_quoted():
    async def refusing(request: web.Request, body: bytes) -> web.Response:
        return web.json_response({"error": {"message": "who are you?"}}, status=401)

    with serve_in_thread(gateway("http://127.0.0.1:1", Damage(instead=refusing))) as (
        url,
        _,
    ):
        done = sandwich(f"{url}/v1", "--upstream-dialect=openai", "--listen-port=0")

    assert done.returncode == 2
    assert "401 without a request to its upstream: who are you?" in done.stderr
    assert "--key-env" in done.stderr


def test_a_gateway_that_comes_late_is_waited_for():
    provider = specs.load("openai")
    question = Planner(provider, provider, {}, run_id="q0").questions()[0]

    async def conduct() -> int:
        async with (
            recording_upstream(provider, "127.0.0.1", 0) as (recorder, url),
            aiohttp.ClientSession() as session,
        ):
            port = free_port()
            target = Target(f"http://127.0.0.1:{port}/v1", CALLERS)
            asker = GatewaySession(session, recorder, target, 5)
            with pytest.raises(Unusable, match="no request reached its upstream"):
                await asker.wait_for_upstream(question, 0)
            waiting = asyncio.ensure_future(asker.wait_for_upstream(question, 30))
            await asyncio.sleep(0)
            runner = web.AppRunner(gateway(url, Damage()), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            try:
                return (await waiting).interaction.status
            finally:
                await runner.cleanup()

    assert asyncio.run(conduct()) == 200


MISTAKES = [
    (["http://127.0.0.1:1/v1"], "--upstream-dialect"),
    (["nonsense", "--upstream-dialect=openai"], "BASE_URL must be a URL"),
    (["http://me:secret@127.0.0.1/v1", "--upstream-dialect=openai"], "--key-env"),
    (["https://gateway.example/v1", "--upstream-dialect=openai"], "add --live"),
    (["http://127.0.0.1:1/v1", "--upstream-dialect=nobody"], "Known are"),
    (
        ["http://127.0.0.1:1/v1", "--upstream-dialect=openai", "--fail-on=x"],
        "the verdicts are",
    ),
    (["http://127.0.0.1:1/v1", "--upstream-dialect=openai", "--key-env=NONE"], "NONE"),
    (
        ["http://127.0.0.1:1/v1", "--upstream-dialect=openai", "--except=qualty"],
        "there is no feature 'qualty'. Operations: createImage; createImageEdit. Featu",
    ),
    (
        [
            "http://127.0.0.1:1/v1",
            "--upstream-dialect=openai",
            "--wait=0",
            "--listen-port=0",
        ],
        "no request reached its upstream",
    ),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES)
def test_a_mistake_is_answered_with_its_remedy_in_a_line(words, says):
    done = sandwich(*words)

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert says in done.stderr
    assert "secret" not in done.stderr


def test_a_port_in_use_is_said_to_be():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = sandwich(
            "http://127.0.0.1:1/v1",
            "--upstream-dialect=openai",
            f"--listen-port={port}",
        )

    assert (done.returncode, "another --listen-port" in done.stderr) == (2, True)


def test_the_upstream_forwards_a_compressed_request_and_records_its_json():
    payload = {"model": "gpt-image-2", "prompt": "A boat"}
    headers = {
        "Authorization": "Bearer k",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }

    async def send() -> tuple[int, Any]:
        async with (
            recording_upstream(loaded("openai"), "127.0.0.1", 0) as (upstream, url),
            aiohttp.ClientSession() as session,
            session.post(
                f"{url}/images/generations",
                data=gzip.compress(json.dumps(payload).encode()),
                headers=headers,
            ) as response,
        ):
            (recorded,) = upstream.upstream_requests
            return response.status, recorded

    status, recorded = asyncio.run(send())

    assert (status, recorded.payload) == (200, payload)
    assert recorded.headers["content-encoding"] == "gzip"
    assert json.loads(recorded.body) == payload


@pytest.mark.parametrize(("size", "status"), [(2000, 400), (2001, 413), (9000, 413)])
def test_a_body_that_is_too_large_is_refused_as_by_the_mock(monkeypatch, size, status):
    """In the format of the provider; a body of spaces that is not too large is none."""
    monkeypatch.setattr("contracts.traffic.gateway.upstream.MAX_BODY_BYTES", 2000)
    headers = {"Authorization": "Bearer k", "Content-Type": "application/json"}

    async def send() -> tuple[int, Any]:
        async with (
            recording_upstream(loaded("openai"), "127.0.0.1", 0) as (_, url),
            aiohttp.ClientSession() as session,
            session.post(
                f"{url}/images/edits", data=b" " * size, headers=headers
            ) as response,
        ):
            return response.status, await response.json()

    found, error = asyncio.run(send())

    assert found == status
    assert error["error"]["type"] == "invalid_request_error"


def test_the_upstream_forwards_repeated_headers_but_none_of_the_connection():
    received = []
    sent = [("X-Twice", "a"), ("X-Twice", "b"), ("X-Hop", "1"), ("Connection", "X-Hop")]

    async def respond(request: web.Request) -> web.Response:
        received.extend(request.headers.items())
        return web.Response(text="ok", headers=CIMultiDict(sent))

    async def returned_headers(url: str) -> list[tuple[str, str]]:
        relay = RecordingUpstream(url, specs.load("openai"))
        async with (
            relay.listen("127.0.0.1", 0) as relay_url,
            aiohttp.ClientSession() as session,
            session.get(f"{relay_url}/models", headers=sent) as response,
        ):
            return list(response.headers.items())

    app = web.Application()
    app.router.add_get("/{path:.*}", respond)
    with serve_in_thread(app) as (url, _):
        returned = asyncio.run(returned_headers(url))

    for headers in (received, returned):
        assert [value for name, value in headers if name == "X-Twice"] == ["a", "b"]
        assert "X-Hop" not in dict(headers)
