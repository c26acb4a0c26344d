"""Every fault from every source, checked byte by byte at a socket."""

import base64
import json
from itertools import count

import pytest
from support.http import (
    FORM,
    WAYS,
    ask,
    begun,
    control,
    delivered,
    events,
    form,
    generation,
    opened,
    picture,
    provoked,
    request_for,
    url_of,
    wire,
)
from support.providers import IMAGE_OPERATIONS, IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.json_text import fill_placeholders
from mockserver.simulation.faults import FAULTS

pytestmark = pytest.mark.slow

NOON = 1_777_896_000.0
# Faults damage the bytes of a response, whoever is the provider.
OPERATIONS = [
    pytest.param(name, operation.id, id=f"{name}-{operation.id}")
    for name, operation in IMAGE_OPERATIONS
    if name in {"openai", "tikhub"}
]
STREAMS = [
    pytest.param(name, operation.id, id=f"{name}-{operation.id}")
    for name, operation in IMAGE_OPERATIONS
    if operation.supports_streaming
]
number = count()


@pytest.fixture(scope="module")
def running():
    """All mocks with a frozen clock: equal requests have equal responses."""
    with mockserver.running(settings=mockserver.Settings(frozen=NOON)) as running:
        yield running


def spoilt_and_plain(running, name, operation_id, way, fault, **more):
    """The response with a fault, and the response to the same request without it."""
    provider = specs.load(name)
    url = url_of(running, provider, operation_id)
    wish = f"{fault};times=1;seconds=0.06;id={next(number)}"
    asked = provoked(running, provider, way, wish)
    prompt = asked.pop("prompt", "A paper boat")
    sent = request_for(provider, operation_id, prompt=prompt, **more)
    return wire(url, **sent, **asked), wire(url, **sent, **asked)


def lasting(each):
    """The response headers without those that differ between requests."""
    passing = ("x-request-id", "date")
    lines = each.head.split("\r\n")
    return [line for line in lines if not line.lower().startswith(passing)]


def is_json(data):
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def comes_to_nothing(got, plain):
    assert (got.head, got.body) == ("", b"")


def is_reset(got, plain):
    comes_to_nothing(got, plain)
    assert got.end == "reset"


def is_empty(got, plain):
    comes_to_nothing(got, plain)
    assert got.end == "closed"


def is_half(got, plain):
    assert lasting(got) == lasting(plain)  # Content-Length is of the whole
    assert not got.is_whole
    if plain.header("Content-Length"):
        assert got.body == plain.body[: len(plain.body) // 2]
    else:
        first = plain.payload[: plain.payload.index(b"\n\n") + 2]
        assert got.payload == first[: len(first) // 2]


def is_truncated(got, plain):
    is_half(got, plain)
    assert got.end == "closed"


def is_stalled(got, plain):
    is_half(got, plain)
    assert got.end == "reset"


def is_unspoilt(got, plain):
    assert lasting(got) == lasting(plain)
    assert got.is_whole
    assert got.payload == plain.payload


def is_garbage(got, plain):
    assert got.status == 200
    assert got.header("Content-Type") == plain.header("Content-Type")
    assert got.header("Content-Length") == str(len(got.body))
    assert not is_json(got.body)
    assert b"data:" not in got.body


def is_page(got, plain):
    assert got.status == 502
    assert got.header("Content-Type").startswith("text/html")
    assert got.is_whole
    assert got.body.startswith(b"<html>")
    assert b"502 Bad Gateway" in got.body


def is_page_of_524(got, plain):
    assert got.status == 524
    assert got.header("Content-Type").startswith("text/html")
    assert got.is_whole
    assert b"524 A Timeout Occurred" in got.body


def is_cut(got, plain):
    if plain.header("Content-Length"):
        is_unspoilt(got, plain)
        return
    assert lasting(got) == lasting(plain)
    assert (got.is_whole, got.end) == (False, "closed")
    before, after = plain.payload.split(b"\n\n", 1)
    assert got.payload == before + b"\n\n"
    assert after


def has_both(got, plain):
    if not plain.header("Content-Length"):
        is_unspoilt(got, plain)
        return
    for entry in json.loads(got.payload)["data"]:
        inside = opened(delivered({"b64_json": entry["b64_json"]}))
        behind = opened(delivered({"url": entry["url"]}))
        assert (inside.size, inside.format) == (behind.size, behind.format)


def is_error_as_200(got, plain):
    assert (got.status, got.is_whole) == (200, True)
    assert got.header("Content-Type").startswith("application/json")
    assert "error" in got.payload.decode().lower()
    assert got.payload != plain.payload


def is_led_by_space(got, plain):
    assert got.status == 200
    assert got.is_whole
    assert got.payload[:1] == b"\n"
    assert got.payload.lstrip(b"\n") == plain.payload


def has_no_partials(got, plain):
    if plain.header("Content-Length"):
        is_unspoilt(got, plain)
        return
    assert lasting(got) == lasting(plain)
    assert got.is_whole
    ((name, last),) = events(got.payload)
    partial, completed = events(plain.payload)
    assert partial[0] != completed[0] == name
    assert {**last, "usage": None} == {**completed[1], "usage": None}


def entries(each):
    return json.loads(each.payload)["data"]


def has_nothing(got, plain):
    if not plain.header("Content-Length"):
        is_unspoilt(got, plain)
        return
    assert (got.status, got.is_whole) == (200, True)
    assert json.loads(got.payload) == {**json.loads(plain.payload), "data": []}


def base64_texts(each):
    if each.header("Content-Length"):
        texts = [entry.get("b64_json") or entry["url"] for entry in entries(each)]
        return [text.rpartition(",")[2] for text in texts if "://" not in text]
    return [data["b64_json"] for _, data in events(each.payload)]


def is_badly_encoded(got, plain):
    assert (got.status, got.is_whole) == (200, True)
    spoilt, whole = base64_texts(got), base64_texts(plain)
    assert len(spoilt) == len(whole)
    for bad, good in zip(spoilt, whole, strict=True):
        assert bad.endswith("!")
        assert good.startswith(bad[:-1])
        with pytest.raises(ValueError, match=r"[Bb]ase64|padding|multiple"):
            base64.b64decode(bad, validate=True)
    if not whole:
        is_unspoilt(got, plain)


def is_in_another_format(got, plain):
    assert (got.status, got.is_whole) == (200, True)
    if plain.header("Content-Length"):
        pairs = zip(entries(got), entries(plain), strict=True)
    else:
        found, wanted = events(got.payload), events(plain.payload)
        pairs = zip(
            (data for _, data in found), (data for _, data in wanted), strict=True
        )
    for spoilt, good in pairs:
        image, wanted = opened(delivered(spoilt)), opened(delivered(good))
        assert image.size == wanted.size
        assert image.format != wanted.format


def ends_in_an_error_event(got, plain):
    if plain.header("Content-Length"):
        is_unspoilt(got, plain)
        return
    assert lasting(got) == lasting(plain)
    assert got.is_whole
    (partial, _), ((kind, before), (name, last)) = (
        events(plain.payload),
        events(got.payload),
    )
    assert (kind, before) == partial
    assert (name, last["type"]) == ("error", "error")
    assert last["error"]["message"]


def refuses_head(got, plain):
    if not plain.header("Content-Length") or "://" not in entries(plain)[0].get(
        "url", ""
    ):
        is_unspoilt(got, plain)
        return
    for each, status in ((got, 403), (plain, 200)):
        url = entries(each)[0]["url"]
        assert ask(url, method="HEAD", key=None).status == status
        assert ask(url, method="GET", key=None).status == 200


SEEN = {
    "reset": is_reset,
    "empty": is_empty,
    "truncate": is_truncated,
    "stall": is_stalled,
    "slow": is_unspoilt,
    "garbage": is_garbage,
    "html": is_page,
    "cut-stream": is_cut,
    "both-deliveries": has_both,
    "error-as-200": is_error_as_200,
    "leading-whitespace": is_led_by_space,
    "no-partials": has_no_partials,
    "one-image": is_unspoilt,
    "bad-base64": is_badly_encoded,
    "cdn-timeout": is_page_of_524,
    "empty-data": has_nothing,
    "failed-image": is_unspoilt,  # no document of these has one
    "fewer-images": is_unspoilt,
    "head-refused": refuses_head,
    "no-cors": is_unspoilt,
    "other-format": is_in_another_format,
    "stream-error": ends_in_an_error_event,
}


def test_every_fault_is_looked_at_here():
    assert SEEN.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", ["truncate", "fewer-images"])
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_comes_in_each_way_and_only_as_often_as_asked(running, way, fault):
    got, plain = spoilt_and_plain(running, "tikhub", "createImage", way, fault)

    assert (plain.status, plain.is_whole, plain.end) == (200, True, "closed")
    assert plain.header("Content-Length")
    SEEN[fault](got, plain)


@pytest.mark.parametrize("fault", ["truncate", "cut-stream"])
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_comes_in_each_way_on_a_stream(running, way, fault):
    got, plain = spoilt_and_plain(
        running, "openai", "createImage", way, fault, stream=True, partial_images=1
    )

    assert plain.header("Content-Type").startswith("text/event-stream")
    assert (plain.status, plain.is_whole) == (200, True)
    SEEN[fault](got, plain)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "operation_id"), OPERATIONS)
def test_every_operation_suffers_every_fault(running, name, operation_id, fault):
    """One source per fault, so that all sources occur; also with streams."""
    operation = specs.load(name).operations[operation_id]
    way = WAYS[(list(FAULTS).index(fault) + IMAGE_PROVIDERS.index(name)) % 4]
    streams = ({}, {"stream": True, "partial_images": 1})
    for more in streams if operation.supports_streaming else streams[:1]:
        got, plain = spoilt_and_plain(running, name, operation_id, way, fault, **more)

        assert (plain.status, plain.is_whole) == (200, True)
        SEEN[fault](got, plain)


def test_a_stream_is_cut_between_two_events_wherever_there_are_only_two(running):
    """Of one event nothing is sent; of three events one is sent."""
    provider = specs.load("openai")
    for partials, kept in ((0, 0), (2, 1)):
        body = generation(provider, stream=True, partial_images=partials)

        got = wire(url_of(running, provider), body=body, X_Mock_Fault="cut-stream")

        assert got.status == 200
        assert got.payload.count(b"data: ") == kept
        assert not got.is_whole


def test_a_drip_comes_in_pieces(running):
    """There are more chunks than in an undamaged response."""
    provider = specs.load("openai")
    body = generation(provider, size="1024x1024")

    got = wire(
        url_of(running, provider),
        body={**body, "stream": True},
        X_Mock_Fault="slow;seconds=0.1",
    )

    chunks = got.body.count(b"\r\n") // 2
    assert got.is_whole
    assert chunks > 10


@pytest.mark.parametrize("fault", ["truncate", "leading-whitespace", "error-as-200"])
@pytest.mark.parametrize("way", ["header", "prompt", "script"])
def test_an_error_and_a_fault_of_one_source_go_together(running, provider, way, fault):
    """A key is excluded: it can name only one trigger."""
    example = provider.operations["createImage"].errors["rate_limited"]
    body, headers = generation(provider), {}
    if way == "header":
        headers = {"X_Mock_Error": "rate_limited", "X_Mock_Fault": fault}
    elif way == "prompt":
        body["prompt"] = f"[[mock:rate_limited]] and [[mock:{fault}]]"
    else:
        items = [{"error": "rate_limited", "fault": fault}]
        control(running, f"/script/{provider.id}", "POST", items)
    said = f"Triggered by {way}."
    whole = fill_placeholders(
        example.body, {"message": said, "param": None, "value": said}
    )

    got = wire(url_of(running, provider), body=body, **headers)

    if fault == "truncate":
        assert got.status == 429
        length = int(got.header("Content-Length"))
        assert len(got.body) == length // 2
        assert json.dumps(whole, separators=(",", ":")).encode()[: length // 2] == (
            got.body
        )
    else:
        assert got.status == (200 if fault == "error-as-200" else 429)
        assert json.loads(got.payload) == whole


def test_an_error_as_200_is_the_server_error_unless_another_is_asked_for(
    running, provider
):
    errors = provider.operations["createImage"].errors
    said = "Triggered by header."

    answer = ask(
        url_of(running, provider),
        body=generation(provider),
        X_Mock_Fault="error-as-200",
    )

    details = {"message": said, "param": None, "value": said}
    assert answer.status == 200
    assert answer.json == fill_placeholders(errors["server_error"].body, details)


@pytest.mark.parametrize(("name", "operation_id"), STREAMS)
def test_without_partials_nothing_is_counted_for_them(running, name, operation_id):
    provider = specs.load(name)
    url = url_of(running, provider, operation_id)
    found = []
    for partials, headers in ((3, {"X_Mock_Fault": "no-partials"}), (0, {})):
        more = {"stream": True, "partial_images": partials}
        sent = request_for(provider, operation_id, **more)
        found.append(events(ask(url, **sent, **headers).body))

    spoilt, none_asked = found
    assert len(spoilt) == len(none_asked) == 1
    assert spoilt[0][1]["usage"] == none_asked[0][1]["usage"]


def test_of_several_pictures_one_is_read(running):
    """The response is that to the first image; the journal shows one image."""
    provider = specs.load("tikhub")
    url = url_of(running, provider, "createImageEdit")
    red, blue = picture(colour="red"), picture(colour="blue")
    fields = generation(provider, model="gpt-image-2-vip").items()
    two = form(*fields, ("image[]", red), ("image[]", blue))
    reverse = form(*fields, ("image[]", blue), ("image[]", red))
    one = form(*fields, ("image", red))

    def drawn(sent, **headers):
        answer = ask(url, **sent, **headers)
        assert answer.status == 200
        return opened(delivered(answer.json["data"][0])).tobytes()

    good, spoilt = drawn(two), drawn(two, X_Mock_Fault="one-image")
    (entry,) = running.journal("tikhub", fault="one-image")[-1:]

    assert spoilt == drawn(one)
    assert good != spoilt != drawn(reverse, X_Mock_Fault="one-image")
    assert isinstance(entry["payload"]["image"], dict)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("reset", None), ("empty", None), ("html", 502), ("truncate", 200),
     ("garbage", 200), ("error-as-200", 200), ("one-image", 200)],
)  # fmt: skip
def test_the_journal_has_the_status_that_was_seen(running, provider, fault, status):
    sent = {"body": generation(provider), "X_Mock_Fault": fault}

    wire(url_of(running, provider), **sent)

    entry = running.journal(provider.id)[-1]
    assert (entry["decision"]["fault"], entry["status"]) == (fault, status)
    assert entry["decision"]["trigger"] == "header"


def test_a_stall_is_in_the_journal_while_it_lasts(running):
    """A test can see the entry before the stall ends."""
    provider = specs.load("tokenhub")
    control(running, "/reset", "POST")
    url, asked = url_of(running, provider), {"X_Mock_Fault": "stall;seconds=600"}
    with begun(url, body=generation(provider), **asked) as connection:
        assert connection.recv(10)

        (entry,) = running.wait_for(1, 10, fault="stall")

    assert entry["outcome"] == "stall"


def test_faults_are_listed_with_what_they_do(running):
    found = control(running, "/faults").json["faults"]

    assert [each["name"] for each in found] == list(FAULTS)
    assert {each["kind"] for each in found} == {"wire", "relay"}
    assert all(each["about"].endswith(".") for each in found)


def test_a_server_that_suffered_all_of_them_is_well(running):
    provider = specs.load("openai")
    for fault in FAULTS:
        if fault != "stall":
            body = generation(provider, stream=True, partial_images=3)
            wire(
                url_of(running, provider),
                body=body,
                X_Mock_Fault=f"{fault};seconds=0.02",
            )

    assert ask(url_of(running, provider), body=generation(provider)).status == 200


def test_a_form_that_is_no_stream_is_spoilt_too(running):
    provider = specs.load("llmapi")
    url = url_of(running, provider, "createImageEdit")
    sent = form(*generation(provider).items(), ("image", picture()))
    assert FORM in sent["Content_Type"]

    got = wire(url, **sent, X_Mock_Fault="truncate")

    assert (got.status, got.is_whole) == (200, False)
