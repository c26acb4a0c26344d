"""The same requests to several servers: mocks, wrong servers, independent servers."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from typing import Any

import pytest
import yaml
from faulty_servers.relay_faults import RelayFault
from faulty_servers.relays import RELAY_FAULTS
from jsonschema import Draft202012Validator
from rich.console import Console
from support.independent import serving
from support.providers import IMAGE_PROVIDERS
from support.relays import Change, on_success, relay, replace

import mockserver
import specs
from contracts.compare.servers import run as differential
from contracts.compare.servers.intents import (
    combination_intents,
    intents,
    shrink_intent,
)
from contracts.compare.servers.model import Differences, DocumentAgreement
from contracts.compare.servers.sizes import SIZE_FIELDS
from contracts.compare.servers.translation import Intent, Translation, translate
from contracts.execution.campaign import CouldNotRun
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.recording import CassetteSession
from contracts.execution.sending.target import Target
from contracts.execution.targets import NamedTarget
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.servers import markdown
from contracts.reporters.servers import text as reporting
from mockserver.embedded.starter import serve_in_thread
from specs import requested_ratio, requested_size, size_of
from specs.media.image import OPERATIONS

pytestmark = pytest.mark.slow

KEY = "sk-secret-of-the-caller"
PROVIDERS = [specs.load(each) for each in IMAGE_PROVIDERS]
FAULTS: dict[str, tuple[str, RelayFault]] = {
    name.partition("/")[2]: (provider, fault)
    for provider, faults in RELAY_FAULTS.items()
    for name, fault in faults.items()
}


def target(label: str, name: str, base_url: str) -> NamedTarget:
    return NamedTarget(label, specs.load(name), Target(base_url, KEY))


def compared(*targets: NamedTarget, **options: Any) -> Differences:
    return asyncio.run(differential.execute(targets, **options))


@contextmanager
def beside_a_faulty_relay(
    mock: mockserver.Running,
    name: str,
    answer: Change | None = None,
    request: Change | None = None,
) -> Iterator[list[NamedTarget]]:
    """A mock, and the same mock behind a relay that changes its responses."""
    base_url = mock.base_urls[name]
    with serve_in_thread(relay(mock.url, answer=answer, request=request)) as (url, _):
        relayed = base_url.replace(mock.url, url)
        yield [target("right", name, base_url), target("faulty", name, relayed)]


def verdicts(found: Differences, feature: str, label: str) -> set[str]:
    """The verdicts on the values of a feature at one target."""
    rows = [each for each in found.rows if each.feature == feature]
    return {str(each.cells[label].verdict) for each in rows}


# Two dialects.


@pytest.fixture(scope="module")
def dialects(mock: mockserver.Running) -> Differences:
    urls = mock.base_urls
    only = (
        "createImage/n=",
        "createImage/output_format=",
        "createImage/background=",
        "createImage/quality=",
        "createImage/size=1024x640",
        "createImage/user",
        "createImage/no ",
        "createImageEdit/mask",
    )
    pair = (target(each, each, urls[each]) for each in ("openai", "tokenhub"))
    return compared(*pair, only=only)


def test_right_servers_of_two_dialects_differ_without_alarm(dialects):
    found = {(each.question, each.aspect): each for each in dialects.differences}

    assert dialects.alarms == ()
    delivery = found["createImage/plain", "delivery"]
    values = {label: side.value for label, side in delivery.sides.items()}
    assert values == {"openai": "b64_json", "tokenhub": "data URI"}
    assert delivery.kind is DocumentAgreement.DIFFER
    size = found["createImage/size=1024x640", "outcome"]
    assert size.sides["tokenhub"].value == "refused"
    assert size.asked == {"size": '"1024x640"'}


FEATURES = [
    ("n", {"honoured", "refused"}, {"honoured", "refused"}),
    ("output_format", {"honoured", "refused"}, {"renamed", "refused"}),
    ("background", {"honoured", "refused"}, {"untested"}),
    ("quality", {"honoured", "refused"}, {"honoured", "refused"}),
    ("user", {"untested"}, {"untested"}),
    ("no key", {"refused"}, {"refused"}),
    ("mask", {"honoured"}, {"honoured"}),
]


@pytest.mark.parametrize(("feature", "at_one", "at_the_other"), FEATURES)
def test_each_feature_has_a_verdict_at_each_server(
    dialects, feature, at_one, at_the_other
):
    assert verdicts(dialects, feature, "openai") == at_one
    assert verdicts(dialects, feature, "tokenhub") == at_the_other


def test_a_renamed_field_is_shown_with_its_wire_name(dialects):
    rows = [each for each in dialects.rows if each.feature == "output_format"]
    renamed = {each.cells["tokenhub"].value for each in rows if each.asked == "jpeg"}

    assert renamed == {"format"}


def test_undocumented_fields_are_sent_only_with_unlisted(mock):
    urls = mock.base_urls
    pair = [target(each, each, urls[each]) for each in ("openai", "tokenhub")]

    found = compared(*pair, only=("createImage/background=",), unlisted=True)

    assert found.alarms == ()
    assert "ignored" in verdicts(found, "background", "tokenhub")


# One wrong behaviour.

PLAIN, FORMS = "createImage/plain", "createImage/output_format="
FOUND = [
    ("n-ignored", ["createImage/n="], [("createImage/n=2", "pictures")]),
    ("one-picture-too-many", ["createImage/n="], [(PLAIN, "pictures")]),
    ("wrong-size", ["createImage/size=1536x1024"], [(PLAIN, "size")]),
    (
        "always-png",
        ["createImage/output_format=webp", "createImage/output_format=jpeg"],
        [(f"{FORMS}jpeg", "format"), (f"{FORMS}jpeg", "echoes-agree")],
    ),
    ("bad-base64", ["createImage/n="], [(PLAIN, "decodes")]),
    ("created-in-milliseconds", ["/n="], [(PLAIN, "created-is-now-in-seconds")]),
    ("created-as-text", ["createImage/n="], [(PLAIN, "schema")]),
    ("no-data", ["createImage/n="], [(PLAIN, "outcome")]),
    ("url-where-base64-is-promised", ["/n="], [(PLAIN, "delivery")]),
    ("labelled-text", ["createImage/n="], [(PLAIN, "is-json")]),
    ("error-as-200", ["createImage/n="], [("createImage/n=0", "outcome")]),
    (
        "no-key-needed",
        ["createImage/no key"],
        [("createImage/no key", "outcome")],
    ),
    ("crash-on-webp", [FORMS], [(f"{FORMS}webp", "outcome")]),
    ("ten-refused", ["createImage/n="], [("createImage/n=10", "outcome")]),
    ("eleven-accepted", ["createImage/n="], [("createImage/n=11", "outcome")]),
    ("wrong-status", ["createImage/n=", "/quality"], [("createImage/n=0", "status")]),
    ("wrong-member-blamed", ["/n=", "/no "], [("createImage/n=0", "blamed member")]),
    (
        "one-picture-for-all",
        ["createImage/prompt="],
        [("createImage/prompt=A blue ball on green grass", "responds to prompt")],
    ),
    (
        "compression-ignored",
        ["&output_compression=0", "&output_compression=100"],
        [
            (
                "createImage/output_format=jpeg&output_compression=0",
                "responds to output_compression",
            )
        ],
    ),
    ("stream-ignored", ["stream=true"], [("createImage/stream=true", "body")]),
    (
        "completed-twice",
        ["createImage/stream=true"],
        [("createImage/stream=true", "one-completed-event")],
    ),
    (
        "event-misnamed",
        ["createImage/stream=true"],
        [("createImage/stream=true", "event-name-is-type")],
    ),
    (
        "partials-from-one",
        ["partial_images=2"],
        [
            (
                "createImage/stream=true&partial_images=2",
                "partials-at-most-asked",
            )
        ],
    ),
]


@pytest.mark.parametrize(("name", "only", "wanted"), FOUND, ids=[e[0] for e in FOUND])
def test_a_wrong_behaviour_is_the_only_alarm_with_the_smallest_request(
    mock, name, only, wanted
):
    provider, fault = FAULTS[name]
    with beside_a_faulty_relay(mock, provider, fault.answer, fault.request) as pair:
        found = compared(*pair, only=only)

    generations = [each for each in found.alarms if each.operation == "createImage"]
    counts = Counter((each.question, each.aspect) for each in generations)
    assert counts == Counter(wanted), [
        (each.question, each.aspect, each.sides) for each in generations
    ]
    assert {*found.alarms[0].sides} == {"right", "faulty"}


VERDICTS = [
    ("n-ignored", "n", "ignored"),
    ("always-png", "output_format", "ignored"),
    ("crash-on-webp", "output_format", "refused-badly"),
    ("compression-ignored", "output_compression", "ignored"),
    ("stream-ignored", "stream", "ignored"),
    ("one-picture-for-all", "prompt", "ignored"),
    ("no-key-needed", "no key", "ignored"),
]


@pytest.mark.parametrize(("name", "feature", "verdict"), VERDICTS)
def test_a_wrong_behaviour_has_its_verdict(mock, name, feature, verdict):
    provider, fault = FAULTS[name]
    only = (f"createImage/{feature}", f"&{feature}")
    with beside_a_faulty_relay(mock, provider, fault.answer, fault.request) as pair:
        found = compared(*pair, only=only)

    assert verdict in verdicts(found, feature, "faulty")
    assert verdict not in verdicts(found, feature, "right")
    rows = [each for each in found.rows if each.feature == feature and each.kind]
    assert {each.kind for each in rows} == {DocumentAgreement.AGREE}


def test_an_altered_value_is_shown(mock):
    def fewer(response):
        asked = response.asked.get("n", 1)
        return (
            response.with_json({**response.asked, "n": min(asked, 4)})
            if asked > 4
            else response
        )

    with beside_a_faulty_relay(mock, "tokenhub", request=fewer) as pair:
        found = compared(*pair, only=("createImage/n=10",))

    (cell,) = [
        e.cells["faulty"] for e in found.rows if e.question == "createImage/n=10"
    ]
    assert (cell.verdict, cell.value) == ("altered", "4")


def test_a_wrong_behaviour_for_two_fields_is_found_by_a_combination(mock):
    def few(response):
        both = response.asked.get("n", 1) > 1 and response.asked.get("format") == "webp"
        return response.with_json({**response.asked, "n": 1}) if both else response

    with beside_a_faulty_relay(mock, "tokenhub", request=few) as pair:
        found = compared(*pair, only=("createImage/n", "createImage/output_format"))

    (alarm,) = found.alarms
    assert alarm.aspect == "pictures"
    assert alarm.asked == {"n": "2", "output_format": '"webp"'}


def test_the_server_that_differs_from_the_majority_is_named(mock):
    provider, fault = FAULTS["n-ignored"]
    with beside_a_faulty_relay(mock, provider, fault.answer) as pair:
        third = target("third", "tokenhub", mock.base_urls["tokenhub"])
        found = compared(*pair, third, only=("createImage/n=2",))

    (alarm,) = found.alarms
    (row,) = [each for each in found.rows if each.question == "createImage/n=2"]
    assert alarm.odd == row.odd == ("faulty",)
    assert "1 of 3: faulty" in text(found)


def test_a_flaky_difference_is_no_alarm(mock):
    seen: list[Any] = []

    def once(response):
        if response.asked.get("n") != 2 or seen:
            return response
        seen.append(response)
        return on_success(lambda body, _: {**body, "data": body["data"][:1]})(response)

    with beside_a_faulty_relay(mock, "tokenhub", once) as pair:
        found = compared(*pair, only=("createImage/n=2",))

    (flaky,) = [each for each in found.differences if each.aspect == "pictures"]
    assert (flaky.seen, flaky.tries, found.alarms) == (1, 3, ())
    assert "1 of 3 times" in text(found)


# Right servers.


@pytest.mark.parametrize("name", ["tokenhub", "aihubmix"])
def test_an_independent_server_raises_no_alarm(mock, name):
    with serving(name) as base_url:
        pair = [target("ours", name, mock.base_urls[name])]
        pair.append(target("theirs", name, base_url))
        found = compared(*pair, operations=[*OPERATIONS])

    assert found.alarms == ()
    assert found.stopped == {}


def test_two_mocks_of_one_dialect_do_not_differ(mock):
    urls = [mock.base_urls["llmapi"]] * 2
    pair = [target(f"mock{at}", "llmapi", url) for at, url in enumerate(urls)]

    found = compared(*pair, only=("createImage/",))

    assert found.differences == ()
    assert "no differences" in text(found)


def test_the_same_run_gives_the_same_report(mock):
    provider, fault = FAULTS["wrong-size"]
    with beside_a_faulty_relay(mock, provider, fault.answer) as pair:
        once, again = (
            compared(*pair, seed=3, only=("createImage/n", "/quality"))
            for _ in range(2)
        )

    def without_times(found: Differences) -> Differences:
        timeless = [replace(each, seconds=None) for each in found.targets]
        return replace(found, targets=tuple(timeless))

    assert without_times(once) == without_times(again)
    assert once.alarms


# Targets that do not respond.


def test_a_target_that_goes_down_gets_no_more_requests(mock):
    with ExitStack() as stack:
        pair = stack.enter_context(beside_a_faulty_relay(mock, "tokenhub"))
        progress = after(16, "faulty", stack.close)
        found = compared(*pair, only=("createImage/",), progress=progress)

    assert list(found.stopped) == ["faulty"]
    assert "went down" in found.stopped["faulty"]
    assert found.alarms == ()
    cells = [each.cells for each in found.rows if each.group != "answer"]
    notes = {
        each["faulty"].note for each in cells if each["faulty"].verdict == "untested"
    }
    assert notes == {found.stopped["faulty"]}
    assert {each["right"].verdict for each in cells} >= {"honoured", "refused"}
    assert "did not get all requests" in text(found)


def after(count: int, label: str, do: Callable[[], None]) -> differential.Progress:
    def progress(of: str, done: int, total: int) -> None:
        if (of, done) == (label, count):
            do()

    return progress


def test_a_target_that_always_fails_gets_no_more_requests(mock):
    def broken(response):
        return (
            replace(response, status=502)
            if response.asked.get("n") is not None
            else response
        )

    with beside_a_faulty_relay(mock, "tokenhub", broken) as pair:
        few = compared(*pair, only=("createImage/n=",))
    with beside_a_faulty_relay(
        mock, "tokenhub", lambda e: replace(e, status=502)
    ) as pair:
        all_ = compared(*pair, only=("createImage/",))

    assert (few.stopped, verdicts(few, "n", "faulty")) == ({}, {"refused-badly"})
    assert all_.stopped == {"faulty": "it returns only errors"}


def test_a_run_that_cannot_start_raises_the_reason(mock):
    right = target("right", "tokenhub", mock.base_urls["tokenhub"])
    refused = NamedTarget(
        "r", right.provider, Target(right.target.base_url, "mock-unauthenticated")
    )

    with pytest.raises(Unreachable, match="127"):
        compared(right, target("nobody", "tokenhub", "http://127.0.0.1:1/v1"))
    with pytest.raises(CouldNotRun, match="--key-env"):
        compared(right, refused)
    with pytest.raises(CouldNotRun, match="name another"):
        compared(right)


def test_a_budget_is_never_exceeded():
    only = ("createImage/n=", "createImage/size=")
    with mockserver.running("tokenhub") as mock:
        pair = [target(each, "tokenhub", mock.base_url) for each in "AB"]
        found = compared(*pair, only=only, budget=1.0)
        requests = len(mock.journal())

    assert all(0 < each.cost <= 1.0 for each in found.targets)
    assert sum(each.asked for each in found.targets) == requests
    notes = {each.cells["A"].note for each in found.rows if each.group == "request"}
    assert "the budget allows no more" in notes


def test_a_response_that_does_not_come_counts_at_its_highest_price():
    """The server may have made the image before the connection broke."""
    with mockserver.running("tokenhub") as mock:
        pair = [target(each, "tokenhub", mock.base_url) for each in "AB"]
        whole = compared(*pair, only=("createImage/size=",), budget=100.0)
        sent = len(mock.journal())
        # The last request costs most.
        rest = [{"latency_ms": 0}] * (sent - 1)
        mock.script([*rest, {"fault": "reset"}])
        cut = compared(*pair, only=("createImage/size=",), budget=100.0)
        assert len(mock.journal()) == 2 * sent

    assert sum(each.cost for each in cut.targets) == pytest.approx(
        sum(each.cost for each in whole.targets)
    )


def test_with_a_budget_requests_without_price_are_not_sent(mock):
    pair = [target(each, "aihubmix", mock.base_urls["aihubmix"]) for each in "AB"]

    found = compared(*pair, only=("createImage/n=",), budget=1.0)

    cells = {each.question: each.cells["A"] for each in found.rows}
    assert "price" in cells["createImage/n=2"].note
    assert cells["createImage/n=0"].verdict == "refused"


# Output.


def text(found: Differences) -> str:
    out = io.StringIO()
    reporting.print_summary(found, Console(file=out, width=110, highlight=False))
    return out.getvalue()


@pytest.fixture(scope="module")
def alarming(mock: mockserver.Running) -> Differences:
    def leaks(response):
        value = response.json if response.status == 400 else None
        if value is None or response.asked.get("n") != 0:
            return response
        message = f"{response.headers} <b>|`{KEY}`</b>"
        return response.with_json({"error": {**value["error"], "message": message}})

    provider, fault = FAULTS["n-ignored"]
    answer = lambda response: leaks(fault.answer(response))  # noqa: E731
    with beside_a_faulty_relay(mock, provider, answer) as pair:
        return compared(*pair, only=("createImage/n=", "createImageEdit/n="))


def test_the_json_follows_its_schema(alarming, dialects):
    schema = yaml.safe_load(
        (files("contracts.compare.servers") / "differential.schema.yaml").read_text()
    )
    Draft202012Validator.check_schema(schema)

    for differences in (alarming, dialects):
        Draft202012Validator(schema).validate(json.loads(differences.json_text()))


def test_the_key_is_in_no_report(alarming):
    for output in (alarming.json_text(), markdown.render(alarming), text(alarming)):
        assert KEY not in output
        assert "$TOKENHUB_API_KEY" in output


def test_each_side_of_an_alarm_has_its_request(alarming):
    shown = text(alarming)
    (number,) = [e for e in alarming.alarms if e.question == "createImage/n=2"]

    urls = [each.base_url for each in alarming.targets]
    assert all(f"{url}/images/generations" in shown for url in urls)
    assert '"n": 2' in number.sides["faulty"].curl
    assert "where the documents agree" in shown.splitlines()[-1]


def test_the_markdown_has_the_table_and_folds_the_rest(alarming):
    made = markdown.render(alarming)

    assert made.count("<details>") == len(alarming.differences)
    assert "| ! | n | 2, 10 | honoured | ignored" in made


# Interrupts and replays.


def test_responses_before_an_interrupt_are_compared(mock):
    """No more requests are sent, and no difference becomes flaky."""
    interrupt = asyncio.Event()
    names = "openai", "tokenhub"
    targets = [target(each, each, mock.base_urls[each]) for each in names]

    def progress(label: str, done: int, total: int) -> None:
        if done >= total // 2:
            interrupt.set()

    found = compared(*targets, progress=progress, interrupt=interrupt)

    assert set(found.stopped) == set(names)
    assert all("interrupted" in each for each in found.stopped.values())
    assert found.differences
    assert all(each.seen == each.tries for each in found.differences)
    assert any(
        cell.verdict is FeatureVerdict.UNTESTED and cell.value == "" and cell.note
        for row in found.rows
        for cell in row.cells.values()
    )


def test_a_recording_is_compared_without_network(mock, tmp_path):
    only = {"only": ["createImage/size"]}
    names = "openai", "tokenhub"
    there = [target(each, each, mock.base_urls[each]) for each in names]
    nowhere = [target(each, each, "http://127.0.0.1:1/v1") for each in names]

    first = compared(
        *there,
        cassettes=lambda each: CassetteSession.recording(
            each.label, tmp_path / each.label
        ),
        **only,
    )
    again = compared(
        *nowhere,
        cassettes=lambda each: CassetteSession.replaying(
            each.label, tmp_path / each.label
        ),
        **only,
    )

    assert first.differences
    assert again.rows == first.rows
    assert [each.fingerprint for each in again.differences] == [
        each.fingerprint for each in first.differences
    ]
    assert KEY not in "".join(each.read_text() for each in tmp_path.rglob("*.json"))


# Intents and translations.


def test_an_intent_has_the_same_meaning_in_each_dialect(provider):
    compared_count = 0
    for intent in [*intents(PROVIDERS), *combination_intents(PROVIDERS[:2], 0)]:
        translation = translate(intent, provider)
        if isinstance(translation, Translation) and intent.raw is None:
            payload = translation.case.payload
            canonical = provider.dialect.with_canonical_names(intent.operation, payload)
            images = {"image", "mask", *intent.absent}
            fields = dict(intent.fields)
            own = images.union(SIZE_FIELDS)  # test_sizes.py tests their spellings
            expected = {name: e for name, e in fields.items() if name not in own}
            assert expected.items() <= canonical.items()
            if size_of(fields.get("size")):
                assert requested_size(canonical) or requested_ratio(canonical)
            assert not set(intent.absent) & set(canonical)
            compared_count += 1
    assert compared_count > 50


def test_the_ids_of_intents_are_unique():
    ids = [each.id for each in intents(PROVIDERS)]

    assert len(ids) == len(set(ids))
    assert ids == [each.id for each in intents(PROVIDERS)]


def test_a_smaller_intent_has_fewer_fields_or_a_simpler_value():
    known = intents(PROVIDERS)
    fields = (("n", 10), ("output_format", "webp"))

    found = {
        each.fields for each in shrink_intent(Intent("createImage", fields), known)
    }

    assert {(("n", 10),), (("output_format", "webp"),)} <= found
    assert (("n", 2), ("output_format", "webp")) in found
    assert (("n", 11), ("output_format", "webp")) not in found
