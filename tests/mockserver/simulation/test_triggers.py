"""Triggers: precedence of their sources, number of requests, and invalid ones."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import JSON, KEY, WAYS, ask, control, generation, provoked, url_of

import specs
from mockserver.errors import Rejected
from mockserver.simulation.faults import FAULTS, MAX_DELAY
from mockserver.simulation.namespaces import namespace_of
from mockserver.simulation.scripts import BadScript, validate_script
from mockserver.state.memory import MAX_SCRIPT_ITEMS

NAMES = ("invalid_request", "unauthenticated", "rate_limited", "server_error")
number = count()


@pytest.fixture(scope="module")
def lone():
    """Any provider: triggers do not depend on it."""
    return specs.load("tokenhub")


def send(running, provider, *askers):
    """Send a request with several triggers; return the response and journal entry."""
    asked = {}
    for asker in askers:
        asked |= asker
    body = generation(provider, prompt=asked.pop("prompt", "A paper boat"))
    answer = ask(url_of(running, provider), body=body, **asked)
    return answer, running.journal(provider.id)[-1]


def statuses(running, provider, asked, times):
    return [send(running, provider, asked)[0].status for _ in range(times)]


@pytest.mark.parametrize("strongest", range(4))
def test_an_outcome_comes_from_the_script_then_header_prompt_key(own, lone, strongest):
    """Each source triggers another error; the first one wins."""
    ways = ("script", "header", "prompt", "key")
    asked = [
        provoked(own, lone, way, error)
        for way, error in list(zip(ways, NAMES, strict=True))[strongest:]
    ]

    answer, entry = send(own, lone, *asked)

    expected = lone.operations["createImage"].errors[NAMES[strongest]]
    assert answer.status == expected.status
    assert entry["decision"]["trigger"] == ways[strongest]
    assert entry["decision"]["error"] == NAMES[strongest]


@pytest.mark.parametrize("strongest", range(4))
def test_a_latency_comes_by_the_same_order_and_by_itself(own, lone, strongest):
    """The error comes from one source and the latency from another."""
    askers = [
        lambda: control(own, f"/script/{lone.id}", "POST", [{"latency_ms": 1}]) and {},
        lambda: {"X_Mock_Latency": "2"},
        lambda: {"prompt": "[[mock:latency=3]]"},
        lambda: {"key": "sk-mock-latency=4"},
    ]
    outcome = {"X_Mock_Error": "rate_limited"}

    answer, entry = send(own, lone, outcome, *(each() for each in askers[strongest:]))

    assert answer.status == 429
    assert entry["decision"]["latency_ms"] == strongest + 1
    assert entry["decision"]["trigger"] == "header"


@pytest.mark.parametrize(
    "asked",
    [
        {"X_Mock_Latency": "60"},
        {"prompt": "a boat [[mock:latency=60]]"},
        {"key": "sk-mock-latency=60"},
        "script",
    ],
)
def test_a_latency_is_waited_for(own, lone, asked):
    if asked == "script":
        control(own, f"/script/{lone.id}", "POST", [{"latency_ms": 60}])
        asked = {}

    answer, entry = send(own, lone, asked)

    assert answer.status == 200
    assert entry["seconds"] >= 0.06
    assert entry["decision"]["latency_ms"] == 60


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_succeeds_when_the_times_are_used_up(own, lone, way):
    asked = provoked(own, lone, way, "rate_limited;times=2")

    assert statuses(own, lone, asked, 4) == [429, 429, 200, 200]


@pytest.mark.parametrize("way", ["header", "prompt", "key"])
def test_every_id_has_its_own_count(own, lone, way):
    def asked(id):
        return provoked(own, lone, way, f"server_error;times=1;id={id}")

    assert statuses(own, lone, asked("a"), 2) == [500, 200]
    assert statuses(own, lone, asked("b"), 2) == [500, 200]
    assert statuses(own, lone, asked("a"), 1) == [200]


def test_without_an_id_it_is_the_key_that_counts(own, lone):
    asked = {"X_Mock_Error": "server_error;times=1"}

    assert statuses(own, lone, {**asked, "key": "sk-one"}, 2) == [500, 200]
    assert statuses(own, lone, {**asked, "key": "sk-two"}, 2) == [500, 200]


def test_what_is_used_up_lets_the_next_way_speak(own, lone):
    asked = {
        "X_Mock_Error": "rate_limited;times=1",
        "prompt": "[[mock:server_error;times=2]]",
        "key": "sk-mock-unauthenticated",
    }

    assert statuses(own, lone, asked, 4) == [429, 500, 500, 401]


def test_zero_times_is_never(own, lone):
    asked = {"X_Mock_Error": "rate_limited;times=0"}

    assert statuses(own, lone, asked, 1) == [200]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("seconds", "written"), [("7", "7"), ("0.5", "1"), ("0", "0")])
def test_a_pause_is_asked_for_by_retry_after(own, lone, way, seconds, written):
    asked = provoked(own, lone, way, f"rate_limited;retry-after={seconds}")

    answer, _ = send(own, lone, asked)

    assert answer.headers.get_all("Retry-After") == [written]


def test_two_markers_of_one_prompt_are_both_heard(own, lone):
    asked = {"prompt": "[[mock:latency=1]] a boat [[mock:rate_limited]]"}

    answer, entry = send(own, lone, asked)

    assert answer.status == 429
    assert entry["decision"]["latency_ms"] == 1


def test_an_error_may_follow_a_namespace_in_a_key(own, lone):
    answer, entry = send(own, lone, {"key": "sk-ns-gw3-mock-rate_limited"})

    assert answer.status == 429
    assert entry["namespace"] == "gw3"
    assert entry["key"] == "***mock-rate_limited"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_no_error_and_an_error_no_fault(own, lone, fault):
    for header, name in (("X_Mock_Error", fault), ("X_Mock_Fault", "rate_limited")):
        answer, _ = send(own, lone, {header: name})

        assert answer.status == 400
        assert answer.json["error"]["param"] in {header.replace("_", "-"), None}


def test_an_unknown_name_is_refused_with_the_known(own, provider):
    """A header lists the names of its kind; prompt and key list all names."""
    operation = provider.operations["createImage"]
    anywhere = [*operation.errors, *FAULTS, "latency=MS"]
    for asked, known in [
        ({"X_Mock_Error": "none_such"}, list(operation.errors)),
        ({"X_Mock_Fault": "none_such"}, list(FAULTS)),
        ({"prompt": "[[mock:none_such]]"}, anywhere),
        ({"key": "sk-mock-none_such"}, anywhere),
    ]:
        answer, entry = send(own, provider, asked)

        assert answer.status == 400
        because = entry["decision"]["because"]
        assert "known: " in because
        message = json.dumps(answer.json)
        assert f"known: {', '.join(known)}" in message
        assert ("none_such" in message) == ("key" not in asked)


@pytest.mark.parametrize(
    "wish",
    ["rate_limited;often=2", "rate_limited;times", "rate_limited;times=x",
     "rate_limited;times=-1", "rate_limited;retry-after=soon", "reset;seconds=1e9",
     "rate_limited;retry-after=nan", "rate_limited;=", "latency=x", "latency=",
     "latency=-1", "rate_limited;times=9999999999"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["header", "prompt", "key"])
def test_an_unknown_parameter_or_value_is_refused_with_what_is_known(
    own, lone, way, wish
):
    asked = provoked(own, lone, way, wish)
    if way == "header" and wish.startswith("latency"):
        asked = {"X_Mock_Latency": wish.removeprefix("latency=")}

    answer, _ = send(own, lone, asked)

    assert answer.status == 400
    message = json.dumps(answer.json)
    assert "times, id, retry-after, seconds" in message or "a number of 0" in message


def test_a_latency_is_never_longer_than_the_longest():
    from mockserver.simulation.triggers import _header_directives, _parse_directive

    operation = specs.load("tokenhub").operations["createImage"]
    (header,) = _header_directives({"X-Mock-Latency": "999999999"}, operation)
    marker = _parse_directive("latency=999999999", operation, "prompt")

    assert header.latency == marker.latency == MAX_DELAY


@pytest.mark.parametrize(
    "asked",
    [{"prompt": "[[mock:rate_limited"}, {"prompt": "[mock:rate_limited]"},
     {"prompt": "[[mock:]]"}, {"key": "sk-mock-"}, {"key": "sk-mock"}],
)  # fmt: skip
def test_what_only_looks_like_a_trigger_is_none(own, lone, asked):
    assert send(own, lone, asked)[0].status == 200


def test_a_marker_counts_in_any_text_of_a_request(own, lone):
    body = generation(lone, prompt=["[[mock:rate_limited]]"])

    assert ask(url_of(own, lone), body=body).status == 429


@given(key=st.text(st.characters(codec="ascii", categories=["L", "N", "P"])))
def test_any_key_has_a_namespace_or_none(key):
    found = namespace_of({}, key)

    assert found == "" or f"ns-{found}" in key


@pytest.mark.parametrize("name", ["", "a b", "a|b", "é", "x" * 65, "*", "a/b"])
def test_a_namespace_that_is_no_name_is_refused(own, lone, name):
    with pytest.raises(Rejected, match="letters, digits"):
        namespace_of({"X-Mock-Namespace": name}, KEY)

    if name.isascii():
        answer, entry = send(own, lone, {"X_Mock_Namespace": name})
        assert answer.status == 400
        assert entry["namespace"] == ""


# The script.

ERRORS = {each.id: each.errors for each in specs.load("openai").operations.values()}


def script(running, provider, items):
    return control(running, f"/script/{provider.id}", "POST", items)


def test_items_are_consumed_in_order_and_as_often_as_they_say(own, lone):
    items = [
        {"error": "rate_limited", "times": 2, "retry_after": 3},
        {},
        {"error": "server_error", "latency_ms": 1},
        {"fault": "html"},
    ]

    answer = script(own, lone, items)

    assert answer.json["waiting"] == 5
    assert statuses(own, lone, {}, 6) == [429, 429, 200, 500, 502, 200]
    retries = [each["decision"]["latency_ms"] for each in own.journal()]
    assert retries == [None, None, None, 1, None, None]


def test_a_script_is_appended_to_and_can_be_read(own, lone):
    script(own, lone, [{"error": "rate_limited"}])
    script(own, lone, [{"fault": "reset", "seconds": 1}])

    found = control(own, f"/script/{lone.id}").json["items"]

    assert found == [{"error": "rate_limited"}, {"fault": "reset", "seconds": 1}]


def test_an_item_waits_for_its_operation_and_holds_up_those_behind_it(own, lone):
    script(
        own,
        lone,
        [{"error": "server_error", "operation": "createImageEdit"},
         {"error": "rate_limited"}],
    )  # fmt: skip
    edits = url_of(own, lone, "createImageEdit")

    before = statuses(own, lone, {}, 2)
    edit = ask(edits, body="{}", Content_Type=JSON).status
    after = statuses(own, lone, {}, 2)

    assert (before, edit, after) == ([200, 200], 500, [429, 200])


def test_a_script_is_of_one_provider(own, lone):
    other = specs.load("openai")
    script(own, lone, [{"error": "rate_limited"}])

    assert statuses(own, other, {}, 1) == [200]
    assert statuses(own, lone, {}, 1) == [429]


def test_a_script_is_not_consumed_by_who_has_no_key(own, lone):
    script(own, lone, [{"error": "rate_limited"}])

    assert ask(url_of(own, lone), body=generation(lone), key=None).status == 401
    assert statuses(own, lone, {}, 1) == [429]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ({}, "a script is a list"),
        ("x", "a script is a list"),
        ([{}, 1], "item 1: is not an object"),
        ([{"eror": "x"}], "item 0: unknown property 'eror'; known: error, fault,"),
        ([{"error": "none_such"}], "item 0: unknown error 'none_such'; known: "),
        ([{"error": None}], "item 0: error takes a string, not None"),
        ([{"fault": "none_such"}], "item 0: unknown fault 'none_such'; known: reset, "),
        ([{"fault": ["reset"]}], "item 0: fault takes a string, not ['reset']"),
        ([{}, {"latency_ms": -1}], "item 1: latency_ms takes 0 to 600000, not -1"),
        ([{"latency_ms": True}], "item 0: latency_ms takes 0 to 600000, not True"),
        ([{"latency_ms": "9"}], "item 0: latency_ms takes 0 to 600000, not '9'"),
        ([{"times": 0}], "item 0: times takes 1 to 10000, not 0"),
        ([{"times": 1.5}], "item 0: times takes 1 to 10000, not 1.5"),
        ([{"retry_after": 604801}], "item 0: retry_after takes 0 to 604800, not 6048"),
        ([{"seconds": []}], "item 0: seconds takes 0 to 600, not []"),
        (
            [{"operation": "draw"}],
            "item 0: unknown operation 'draw'; known: listModels, retrieveModel,",
        ),
        ([{"times": 10_000}, {}], "item 1: a script holds at most 10000 items"),
    ],
)
def test_a_script_that_cannot_be_followed_is_refused_as_a_whole(own, items, said):
    provider = specs.load("openai")

    answer = script(own, provider, json.dumps(items))

    assert answer.status == 400
    assert said in answer.json["error"]["message"]
    assert control(own, "/script/openai").json["items"] == []


@pytest.mark.parametrize(
    "body", ["", "[", "\xff", "[" * 100_000, '[{"latency_ms": NaN}]']
)
def test_a_script_that_is_no_json_is_refused(own, lone, body):
    assert script(own, lone, body.encode("latin-1")).status == 400


def test_an_error_of_another_operation_needs_it_named():
    provider = specs.load("llmapi")
    errors = {each.id: each.errors for each in provider.operations.values()}
    (only,) = errors["createImageEdit"].keys() - errors["createImage"].keys()

    assert validate_script([{"error": only}], errors)
    assert validate_script([{"error": only, "operation": "createImageEdit"}], errors)
    with pytest.raises(BadScript, match="unknown error"):
        validate_script([{"error": only, "operation": "createImage"}], errors)


def test_a_script_is_bounded(own, lone):
    assert script(own, lone, [{"times": MAX_SCRIPT_ITEMS}]).status == 200

    answer = script(own, lone, [{}])

    assert answer.status == 400
    assert "at most 10000" in answer.json["error"]["message"]
    assert len(control(own, f"/script/{lone.id}").json["items"]) == MAX_SCRIPT_ITEMS


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "error": st.sampled_from(NAMES),
                "fault": st.sampled_from(sorted(FAULTS)),
                "latency_ms": st.floats(0, 600_000) | st.integers(0, 600_000),
                "times": st.integers(1, 20),
                "retry_after": st.floats(0, 604_800),
                "operation": st.sampled_from(sorted(ERRORS)),
            },
        ),
        max_size=20,
    )
)
def test_times_are_written_out(items):
    found = validate_script(items, ERRORS)

    assert len(found) == sum(each.get("times", 1) for each in items)
    assert all("times" not in each for each in found)
    merged = [
        {name: value for name, value in each.items() if name != "times"}
        for each in items
        for _ in range(each.get("times", 1))
    ]
    assert found == merged


@given(st.lists(st.dictionaries(st.text(), st.none() | st.integers() | st.text())))
def test_any_script_is_followed_or_refused_with_a_reason(items):
    try:
        validate_script(items, ERRORS)
    except BadScript as error:
        assert str(error).startswith("item ")  # noqa: PT017 -- either will do
