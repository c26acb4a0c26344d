"""The verdicts on client libraries, from the outcomes and findings of a run."""

from dataclasses import replace

import pytest
from faulty_servers.catalogue import FAULTY_SERVERS
from support.campaigns import run_against
from support.reports import claim, finding, outcome, report, target

from contracts.judging.client_effects import Effect, effect_on
from contracts.judging.readiness import Readiness, client_verdicts
from contracts.report.model import FindingKind
from specs.clients import Client, ClientOperation, clients

GENERATE, EDIT = "createImage", "createImageEdit"
ANY = "openai-python"  # reads every field, and images in every delivery
BASE64_ONLY = "ai-sdk-openai"
IMAGES_ONLY = "ai-sdk-openai-compatible"


def passed(case="createImage/request/plain", **changes):
    made = outcome(
        case=case,
        operation=case.partition("/")[0],
        expectation="valid",
        images=1,
        deliveries=("b64_json",),
        model="gpt-image-2",
    )
    return replace(made, **changes)


def failed(claim_, *, kind=FindingKind.WRONG_RESPONSE, check="schema", **changes):
    made = finding(
        kind=kind, check=check, claim=claim_, fingerprint=f"{claim_} {check}"
    )
    given = {key: changes.pop(key) for key in ("came", "field") if key in changes}
    return passed(**{"findings": (replace(made, **given),), **changes})


def verdicts(*outcomes, operations=(GENERATE,)):
    claims = tuple(claim(f"{each}/path", operation=each) for each in operations)
    made = report(*outcomes, targets=(target("one", claims=claims),))
    return {each.client.id: each for each in client_verdicts(made)}


def test_every_client_has_a_verdict_on_every_target():
    made = report(passed(), targets=(target("one"), target("two")))

    found = [(each.target.provider, each.client.id) for each in client_verdicts(made)]

    assert found == [(name, id_) for name in ("one", "two") for id_ in clients()]


def test_a_client_that_calls_no_operation_of_a_target_has_no_verdict():
    assert verdicts(operations=("createVideo",)) == {}


def test_a_client_is_ready_if_all_that_it_uses_passes():
    assert {each.readiness for each in verdicts(passed()).values()} == {Readiness.READY}


def test_nothing_is_said_without_a_decoded_image():
    for made in ([], [passed(images=0)], [passed(not_tested="rate limited")]):
        found = verdicts(*made)[ANY]
        assert (found.readiness, found.untested) == (Readiness.NOT_TESTED, (GENERATE,))


def test_a_rejection_that_fails_no_documented_claim_is_no_evidence():
    rejected = failed(
        "createImage/path", kind=FindingKind.REJECTS_VALID, check="valid-is-accepted"
    )
    warning = replace(rejected.findings[0], basis="reference")

    found = verdicts(replace(rejected, status=400, images=0, findings=(warning,)))[ANY]

    assert found.readiness is Readiness.NOT_TESTED


def test_an_operation_without_evidence_is_named():
    found = verdicts(passed(), operations=(GENERATE, EDIT))[ANY]

    assert (found.readiness, found.untested) == (Readiness.READY, (EDIT,))


def test_an_operation_of_which_nothing_passes_is_not_ready():
    rejected = failed(
        "createImageEdit/path",
        kind=FindingKind.REJECTS_VALID,
        check="valid-is-accepted",
        case="createImageEdit/request/plain",
        status=404,
        images=0,
    )

    found = verdicts(passed(), rejected, operations=(GENERATE, EDIT))[ANY]

    assert found.readiness is Readiness.NOT_READY
    assert [each.claim for each in found.findings] == ["createImageEdit/path"]


def test_a_defect_of_every_success_is_not_ready_and_of_some_a_limit():
    broken = failed("createImage/200/guarantees/decodes", check="decodes")

    assert verdicts(broken)[ANY].readiness is Readiness.NOT_READY
    assert verdicts(broken, passed())[ANY].readiness is Readiness.LIMITED


def test_a_field_that_a_client_does_not_pass_on_is_no_limit():
    broken = failed("createImage/200/created/type")

    found = verdicts(broken)

    assert found[ANY].readiness is Readiness.LIMITED
    assert found[IMAGES_ONLY].readiness is Readiness.READY


def test_images_that_a_client_cannot_read_are_a_limit_or_not_ready():
    as_url = passed("createImage/request/size/auto", deliveries=("url",))

    only, some = verdicts(as_url), verdicts(as_url, passed())

    assert only[BASE64_ONLY].readiness is Readiness.NOT_READY
    assert some[BASE64_ONLY].readiness is Readiness.LIMITED
    assert only[BASE64_ONLY].unread == some[BASE64_ONLY].unread == ("url",)
    assert {only[each].readiness for each in (ANY, IMAGES_ONLY)} == {Readiness.READY}


def test_what_a_client_adds_to_a_model_decides_which_requests_it_sends():
    plain = passed(deliveries=("url",), model="dall-e-2")
    asked = passed(
        "createImage/request/response_format/enum/b64_json",
        model="dall-e-2",
        fields={"response_format": "b64_json"},
    )

    assert verdicts(plain, asked)[BASE64_ONLY].readiness is Readiness.READY


def test_a_field_that_a_client_always_sends_must_be_accepted():
    rejected = failed(
        "createImage/request/n/minimum",
        kind=FindingKind.REJECTS_VALID,
        check="valid-is-accepted",
        case="createImage/request/n/minimum/at",
        fields={"n": "1"},
        status=400,
        images=0,
    )

    found = verdicts(passed(), rejected)

    assert found[ANY].readiness is Readiness.LIMITED
    assert found[BASE64_ONLY].readiness is Readiness.NOT_READY


def test_a_client_is_not_limited_by_bodies_and_streams_that_it_does_not_use():
    plain = passed("createImageEdit/request-form/plain")
    as_json = failed(
        "createImageEdit/200/guarantees/decodes",
        check="decodes",
        case="createImageEdit/request-json/plain",
    )
    stream = failed(
        "createImage/200/guarantees/decodes", check="decodes", fields={"stream": "true"}
    )

    assert (
        verdicts(plain, as_json, operations=(EDIT,))[ANY].readiness is Readiness.READY
    )
    found = verdicts(passed(), stream)
    assert found[IMAGES_ONLY].readiness is Readiness.READY
    assert found[ANY].readiness is Readiness.LIMITED


@pytest.mark.parametrize(
    ("check", "claim_", "changes", "effects"),
    [
        ("valid-is-accepted", "createImage/path", {}, "LIMITS LIMITS LIMITS"),
        ("invalid-is-refused", "createImage/auth", {}, "LIMITS LIMITS LIMITS"),
        ("schema", "createImage/200/type", {}, "LIMITS LIMITS LIMITS"),
        ("schema", "createImage/200/data/required", {}, "BLOCKS BLOCKS BLOCKS"),
        ("schema", "createImage/200/data[]/type", {}, "BLOCKS BLOCKS BLOCKS"),
        ("schema", "createImage/200/data[]/b64_json/type", {}, "LIMITS BLOCKS LIMITS"),
        ("schema", "createImage/200/data[]/url/type", {}, "LIMITS NONE LIMITS"),
        ("schema", "createImage/200/usage/total/type", {}, "LIMITS_READING NONE NONE"),
        ("usage-adds-up", "GUARANTEE", {}, "LIMITS_READING NONE NONE"),
        ("one-completed-event", "GUARANTEE", {}, "LIMITS NONE NONE"),
        ("decodes", "GUARANTEE", {}, "LIMITS LIMITS LIMITS"),
        ("size-as-asked", "GUARANTEE", {"field": "size"}, "LIMITS LIMITS LIMITS"),
        ("delivery-as-documented", "GUARANTEE", {"came": "url"}, "LIMITS BLOCKS NONE"),
        (
            "event-schema",
            "createImage/200/events/x/type",
            {},
            "LIMITS_READING NONE NONE",
        ),
        (
            "error-envelope",
            "createImage/400/error/required",
            {},
            "LIMITS LIMITS LIMITS",
        ),
        ("error-envelope", "createImage/400/error/code/type", {}, "LIMITS NONE NONE"),
        ("error-code", "createImage/errors/not_found", {}, "LIMITS NONE NONE"),
        ("error-status", "createImage/errors/not_found", {}, "LIMITS LIMITS LIMITS"),
        ("schema", "createVideo/200/data/required", {}, "NONE NONE NONE"),
    ],
)
def test_the_effect_of_a_finding_depends_on_what_a_client_uses(
    check, claim_, changes, effects
):
    id_ = f"createImage/200/guarantees/{check}" if claim_ == "GUARANTEE" else claim_
    made = finding(check=check, claim=id_, **changes)

    found = [
        effect_on(clients()[each], made) for each in (ANY, BASE64_ONLY, IMAGES_ONLY)
    ]

    assert found == [Effect[each] for each in effects.split()]


def test_a_field_that_a_client_never_sends_does_not_limit_it():
    sends = ClientOperation("application/json", refuses=({"required": ["style"]},))
    client = Client("x", "X", "1", "", sends={GENERATE: sends})

    for path in ("request/style/enum", "request/style-is-for-one/style/type"):
        made = finding(claim=f"createImage/{path}")
        assert effect_on(client, made) is Effect.NONE
    assert effect_on(client, finding()) is Effect.LIMITS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("createImage/no-picture-at-all", Readiness.NOT_READY),
        ("createImage/created-in-milliseconds", Readiness.LIMITED),
        ("createImage/n-of-zero", Readiness.LIMITED),
        ("createImageEdit/forms-refused", Readiness.NOT_READY),
        ("createImageEdit/json-refused", Readiness.READY),
    ],
)
def test_planted_defects_give_the_verdict_of_their_weight(name, expected):
    faulty = next(each for each in FAULTY_SERVERS if each.id == f"llmapi:{name}")
    only = ("plain", "/n/", faulty.claim or "plain", "created")
    with faulty.serving() as base_url:
        made = run_against("llmapi", base_url, fuzz=False, only=only)

    found = {each.client.id: each.readiness for each in client_verdicts(made)}

    assert found[ANY] is expected
