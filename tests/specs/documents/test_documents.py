"""The shipped documents: sound in themselves, and true to the pages."""

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import pytest
import schemathesis
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

import specs
from contracts.media.registry import image_operations
from contracts.planning.coverage import coverage
from contracts.planning.plan import plan
from mockserver.json_text import fill_placeholders
from mockserver.media.templates import fill
from specs import (
    EVENT_STREAM,
    FAILED_IMAGE,
    RESPONSE,
    ClaimSubject,
    Provider,
    State,
    Upload,
)
from specs.documents.condition import ALWAYS
from specs.media.image import KEYWORDS
from specs.validation.vocabulary import ANNOTATIONS

pytestmark = [pytest.mark.slow, pytest.mark.every_provider]

REQUIRED = {"invalid_request", "unauthenticated", "rate_limited", "server_error"}
J, F = "application/json", "multipart/form-data"
GEN, EDIT = "createImage", "createImageEdit"
FIRST_PARTIES = {"openai", "kling", "ark"}
OPENAI = "openai@2026-08-21"
GEMINI_OPERATIONS = ("createVideo", "getVideo", "getVideoContent")


@cache
def planned(name: str) -> list[Any]:
    return plan(specs.load(name), is_mock=True)


@pytest.fixture
def cases(provider: Provider) -> list[Any]:
    return planned(provider.id) if image_operations(provider) else []


# Sound in themselves


OPERATIONS = {
    *("createImage", "createImageEdit"),
    *("generateContent", "streamGenerateContent", "createResponse"),
    *("createChatCompletion", "createPrediction"),
}


def test_a_document_speaks_of_no_other_operations_on_images_at_once(provider):
    operations = provider.operations.values()
    found = {each.id for each in operations if each.task is None}

    assert found <= OPERATIONS


def test_a_document_is_openapi_3_1(provider):
    assert not list(OpenAPIV31SpecValidator(dict(provider.document)).iter_errors())


def test_a_document_loads_in_schemathesis(provider):
    schema = schemathesis.openapi.from_dict(dict(provider.document))

    operations = [result.ok() for result in schema.get_all_operations()]

    expected = {(each.method, each.path) for each in provider.all_operations.values()}
    assert {(each.method.upper(), each.path) for each in operations} == expected


def test_every_constraint_of_a_request_is_a_claim(provider):
    """A keyword that no claim speaks of would be enforced and never asked."""
    known = CLAIMED | STRUCTURE | SILENT
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            assert set(keywords(body.schema)) <= known
        for response in operation.responses.values():
            for body in response.bodies.values():  # each is checked, and none is asked
                assert set(keywords(body.schema)) <= known | {"anyOf"}


CLAIMED = {"type", "enum", "const", "minimum", "maximum", "minLength", "maxLength"}
CLAIMED |= {"minItems", "maxItems", "pattern", "default", "required", *KEYWORDS}
CLAIMED |= {"additionalProperties", "multipleOf", "not", "anyOf"}
STRUCTURE = {"properties", "items", "allOf", "if", "then", "else", "oneOf"}
SILENT = {"description", "title", "format", "contentEncoding", "examples", *ANNOTATIONS}
# Keywords without a claim: only in an assumed part, whose rule or field has claims.
OF_ASSUMED_PARTS = {"contains", "uniqueItems"}


def keywords(schema: Any, is_assumed: bool = False) -> Iterator[str]:
    """The words of a schema and of those inside it; a condition states nothing."""
    if isinstance(schema, dict):
        is_assumed = is_assumed or schema.get("x-basis") == "assumed"
        yield from set(schema) - (OF_ASSUMED_PARTS if is_assumed else set())
        inner = [schema.get("items"), schema.get("then"), schema.get("else")]
        inner += [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
        for part in (*inner, *schema.get("oneOf", []), *schema.get("anyOf", [])):
            yield from keywords(part, is_assumed)


def test_a_documented_example_of_a_request_is_not_invalid(provider):
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            for name, example in body.examples.items():
                verdict = body.judge.judge(example)
                assert verdict.state is not State.INVALID, (name, verdict.violations)


def test_a_documented_example_of_an_answer_keeps_its_own_schema(provider):
    for operation in provider.operations.values():
        if operation.task is not None:
            continue  # its examples are templates of the mock
        for response in operation.responses.values():
            for media_type, body in response.bodies.items():
                if media_type == EVENT_STREAM or not response.is_success:
                    continue  # see the next two tests
                for name, example in body.examples.items():
                    if name in {RESPONSE, FAILED_IMAGE}:
                        continue  # test_filled_responses fills them in
                    verdict = body.judge.judge(fill(example, FACTS, [FACTS]))
                    assert verdict.state is State.VALID, (name, verdict.violations)


EVENT_DETAILS = {
    "b64_json": "aGk=",
    "created_at": 1779912000,
    "size": "1024x1024",
    "quality": "low",
    "background": "opaque",
    "output_format": "png",
    "partial_image_index": 0,
    "usage": {
        "total_tokens": 3,
        "input_tokens": 1,
        "output_tokens": 2,
        "input_tokens_details": {"text_tokens": 1, "image_tokens": 0},
    },
}


FACTS = {
    "id": "a1",
    "event.index": 0,
    "preview.index": 0,
    "request.model": "m",
    "request.tools": [],
    "request.tool_choice": "auto",
    "created_s": 1779912000,
    "index": 0,
    "count": 1,
    "cost": None,
    "usage.input_tokens": 1,
    "usage.output_tokens": 2,
    "usage.total_tokens": 3,
    "output.index": 0,
    "output.b64_json": "aGk=",
    "output.url": "https://example.com/a.png",
    "output.data_uri": "data:image/png;base64,aGk=",
    "output.size": "8x8",
    "output.media_type": "image/png",
}


def test_an_example_of_an_event_keeps_its_own_schema_once_filled(provider):
    for operation in provider.operations.values():
        stream = operation.success.bodies.get(EVENT_STREAM)
        for name, example in stream.examples.items() if stream else ():
            event = fill_placeholders(example, EVENT_DETAILS)
            event = fill(event, FACTS, [FACTS])
            kind = operation.layout.grammar.name_of(event)
            verdict = stream.events[kind].judge.judge(event)
            assert verdict.state is State.VALID, (name, verdict.violations)


def test_every_event_has_an_example(provider):
    for operation in provider.operations.values():
        stream = operation.success.bodies.get(EVENT_STREAM)
        if stream:
            grammar = operation.layout.grammar
            names = {grammar.name_of(each) for each in stream.examples.values()}
            others = {each.name for each in grammar.kinds if each.condition is ALWAYS}
            assert names <= set(stream.events) <= names | others


def test_an_error_of_the_catalogue_keeps_the_schema_it_hangs_on(provider):
    details = {"message": "n: must be at most 10", "param": "n", "value": "11", **FACTS}
    for operation in provider.all_operations.values():
        for error in operation.errors.values():
            body = operation.response_for(error.status).bodies[error.media_type]
            for values in (details, {**details, "param": None}):
                verdict = body.judge.judge(fill_placeholders(error.body, values))
                assert verdict.state is State.VALID, (error.name, verdict.violations)


WRONG_KEY = {("veo", each): 400 for each in GEMINI_OPERATIONS}
WRONG_KEY["huawei", GEN] = 400
WRONG_KEY["gemini", "generateContent"] = 400
WRONG_KEY["gemini", "streamGenerateContent"] = 400
UNPROCESSABLE = {"deepinfra", "vllm-omni", "xinference"}


def test_every_operation_has_the_errors_that_design_fixes(provider):
    for operation in provider.all_operations.values():
        assert set(operation.errors) >= REQUIRED
        status = WRONG_KEY.get((provider.id, operation.id), 401)
        assert operation.errors["unauthenticated"].status == status
        assert operation.errors["rate_limited"].status == 429
        assert operation.errors["server_error"].status == 500
        status = 422 if provider.id in UNPROCESSABLE else 400
        assert operation.errors["invalid_request"].status == status


def test_every_claim_has_a_known_source(provider):
    for claim in specs.claims(provider):
        assert provider.source(claim.evidence.source), claim


def test_what_is_documented_is_not_read_from_hearsay(provider):
    """Hearsay bears no documented claim, nor does a first party's word another's."""
    own = {"SEED", "DOC", *(["REF"] if provider.id in FIRST_PARTIES else [])}
    for claim in specs.claims(provider):
        if claim.is_documented:
            assert provider.source(claim.evidence.source).grade in own, claim


def test_every_claim_has_a_name_of_its_own(provider):
    counts = Counter(each.id for each in specs.claims(provider))

    assert [name for name, count in counts.items() if count > 1] == []


def test_every_claim_leads_to_its_place_in_the_document(provider):
    for claim in specs.claims(provider):
        node: Any = provider.document
        for step in claim.pointer.split("/")[1:]:
            node = (
                node[step.replace("~1", "/").replace("~0", "~")]
                if isinstance(node, dict)
                else node[int(step)]
            )
        assert isinstance(node, dict), claim


def claims_about_images(provider: Provider) -> Iterator[specs.Claim]:
    """
    Yield the claims about operations that answer with images at once.

    Parameters are texts, and a path without one is another path.
    """
    operations = image_operations(provider)
    for claim in specs.claims(provider):
        section, *rest = claim.id.split("/")[1:]
        is_open = bool(rest) and (section == "path" or rest[-1] == "type")
        if claim.operation in operations and not (
            is_open and section in {"path", "query"}
        ):
            yield claim


# A case changes one field, also inside an entry of a list. A rule about two fields of
# an entry needs more.
NOT_ASKED = {
    "openai": {
        "createResponse/request/tool-transparency-needs-png-or-webp/output_format/enum",
    },
}
# A case breaks one claim alone. The entries that break these break another one as well:
# of the fields that an entry must have, of an entry that the list must have, of the
# roles of messages, or of the formats with compression. Or a rule about two fields of
# an entry states them.
NOT_BROKEN = {
    "gemini": {
        f"{operation}/request/{claim}"
        for operation in ("generateContent", "streamGenerateContent")
        for claim in (
            "contents[]/role/type",
            "safetySettings[]/category/type",
            "safetySettings[]/category/enum",
            "generationConfig/responseModalities[]/type",
            "generationConfig/responseModalities[]/enum",
        )
    },
    "openrouter": {
        f"createChatCompletion/request/{claim}"
        for claim in (
            "messages[]/content[]/image_url/detail/type",
            "messages[]/content[]/image_url/detail/enum",
            "modalities[]/type",
            "modalities[]/enum",
        )
    },
    "openai": {
        f"createResponse/request/{claim}"
        for claim in (
            "input[]/role/type",
            "tools[]/type/required",
            "tools[]/type/type",
            "tools[]/output_compression/type",
            "tools[]/output_compression/minimum",
            "tool-transparency-needs-png-or-webp/output_format/enum",
            "tools[]/size/pattern",
            "tools[]/size/x-image-size/multipleOf",
            "tools[]/size/x-image-size/maxEdge",
            "tools[]/size/x-image-size/maxRatio",
        )
    },
}


def test_every_documented_claim_is_asked(provider, cases):
    counts = coverage(provider, cases)

    assert {
        each.id
        for each in claims_about_images(provider)
        if each.is_documented and not counts[each.id]
    } == NOT_ASKED.get(provider.id, set())


def test_every_documented_limit_is_broken_by_a_case(provider, cases):
    """To speak of a member is not yet to try its bounds."""
    broken = {case.expected_error.claim for case in cases if case.expected_error}

    assert {
        each.id
        for each in claims_about_images(provider)
        if each.is_documented
        and each.subject is ClaimSubject.REQUEST
        and each.id not in broken
    } == NOT_BROKEN.get(provider.id, set())


def test_a_claim_that_no_case_asks_is_found_out(tmp_path):
    """The tests above can fail: a rule that only one prompt in the world sets off."""
    name = "tokenhub"  # the shortest to plan
    shutil.copytree(str(files("specs") / name), tmp_path / name)
    file = tmp_path / name / "openapi.yaml"
    document = yaml.safe_load(file.read_text("utf-8"))
    document["components"]["schemas"]["Generation"].setdefault("allOf", []).append(
        {
            "x-rule": "only-for-one-prompt",
            "if": {
                "required": ["prompt"],
                "properties": {"prompt": {"pattern": "^xyzzy plugh$"}},
            },
            "then": {"properties": {"n": {"maximum": 4}}},
        }
    )
    file.write_text(yaml.safe_dump(document), encoding="utf-8")

    provider = specs.load(name, tmp_path)
    counts = coverage(provider, plan(provider, is_mock=True))

    assert counts["createImage/request/only-for-one-prompt/n/maximum"] == 0


def test_every_rule_has_a_basis_in_a_page_and_every_reading_a_note(provider):
    """Assumptions are stated, not hidden."""
    for operation in provider.operations.values():
        for body in operation.bodies.values():
            for part in body.schema.get("allOf", ()):
                if part.get("x-basis") == "assumed" and part["x-source"] == "ours":
                    assert part.get("x-note"), part["x-rule"]


def test_every_source_has_a_title_and_an_address():
    sources = yaml.safe_load((files("specs") / "sources.yaml").read_text("utf-8"))

    for name, each in sources.items():
        assert each["title"], name
        assert each["date"], name
        assert each["grade"] in {"SEED", "DOC", "REF", "GUESS"}, name
        assert bool(each["url"]) == (each["grade"] != "GUESS"), name


def test_documents_stand_alone(provider):
    """No document refers to another, and none is written twice."""
    text = (files("specs") / provider.id / "openapi.yaml").read_text("utf-8")

    for line in text.splitlines():
        if "$ref" in line:
            assert '"#/' in line


# True to the pages


loaded = cache(specs.load)


def picture(**changes: Any) -> dict[str, Any]:
    """An uploaded picture, as the judge sees it."""
    facts: dict[str, Any] = {
        "filename": "a.png",
        "content_type": "image/png",
        "bytes": 1000,
        "sha256": "0" * 64,
        "format": "png",
        "width": 64,
        "height": 64,
        "alpha": False,
    }
    return Upload(**{**facts, **changes}).facts()


class Row(NamedTuple):
    """A request, what the provider's pages say of it, and which member is to blame."""

    provider: str
    operation: str
    media_type: str
    payload: dict[str, Any]
    state: State
    param: str | None


def rows(
    provider: str,
    operation: str,
    media_type: str,
    base: dict[str, Any],
    *told: tuple[dict[str, Any], str, str | None],
) -> list[Row]:
    """Changes to a good request; a member of `...` is taken out of it."""
    return [
        Row(
            provider,
            operation,
            media_type,
            {k: v for k, v in {**base, **change}.items() if v is not ...},
            State(state),
            param,
        )
        for change, state, param in told
    ]


OK, NO, OPEN = "valid", "invalid", "unspecified"
MASK = picture(alpha=True)
DATA_URI = "data:image/png;base64,iVBORw0KGgo="
LINK = "https://example.com/a.png"
LONG = {n: "a" * n for n in (1000, 1001, 4000, 4001, 32000, 32001)}


def by_model(provider: str) -> list[Row]:
    """The conditions by model that OpenAI and the page that copies it share."""
    generate = (provider, GEN, J)
    return [
        *rows(
            *generate,
            {"model": "gpt-image-2", "prompt": "a"},
            ({}, OK, None),
            ({"prompt": ...}, NO, "prompt"),
            ({"prompt": None}, NO, "prompt"),
            ({"prompt": ["a"]}, NO, "prompt"),
            ({"prompt": LONG[32000]}, OK, None),
            ({"prompt": LONG[32001]}, NO, "prompt"),
            ({"n": 0}, NO, "n"),
            ({"n": 1}, OK, None),
            ({"n": 10}, OK, None),
            ({"n": 11}, NO, "n"),
            ({"n": None}, OK, None),
            ({"n": "3"}, NO, "n"),
            ({"n": 1.5}, NO, "n"),
            ({"n": 2.0}, OK, None),
            ({"n": True}, NO, "n"),
            ({"quality": "low"}, OK, None),
            ({"quality": None}, OK, None),
            ({"quality": "standard"}, NO, "quality"),
            ({"quality": "hd"}, NO, "quality"),
            ({"quality": "ultra"}, NO, "quality"),
            ({"quality": "HIGH"}, NO, "quality"),
            ({"response_format": "url"}, NO, "response_format"),
            ({"response_format": "b64_json"}, NO, "response_format"),
            ({"response_format": None}, OK, None),
            ({"output_format": "webp"}, OK, None),
            ({"output_format": "gif"}, NO, "output_format"),
            ({"output_format": "jpeg", "output_compression": 0}, OK, None),
            ({"output_format": "webp", "output_compression": 100}, OK, None),
            (
                {"output_format": "jpeg", "output_compression": 101},
                NO,
                "output_compression",
            ),
            (
                {"output_format": "jpeg", "output_compression": -1},
                NO,
                "output_compression",
            ),
            (
                {"output_format": "png", "output_compression": 50},
                NO,
                "output_compression",
            ),
            (
                {"output_format": "png", "output_compression": 100},
                OPEN,
                "output_compression",
            ),
            ({"stream": True}, OK, None),
            ({"stream": "true"}, NO, "stream"),
            ({"stream": True, "partial_images": 0}, OK, None),
            ({"stream": True, "partial_images": 3}, OK, None),
            ({"stream": True, "partial_images": 4}, NO, "partial_images"),
            ({"stream": True, "partial_images": -1}, NO, "partial_images"),
            ({"partial_images": 1}, OPEN, "partial_images"),
            ({"size": "auto"}, OK, None),
            ({"size": "1536x864"}, OK, None),
            ({"size": "3072x1024"}, OK, None),
            ({"size": "3088x1024"}, NO, "size"),
            ({"size": "1500x1000"}, NO, "size"),
            ({"size": "3840x2160"}, OK, None),
            ({"size": "3840x2176"}, NO, "size"),
            ({"size": "3856x2160"}, NO, "size"),
            ({"size": "large"}, NO, "size"),
            ({"moderation": "low"}, OK, None),
            ({"moderation": "high"}, NO, "moderation"),
            ({"background": "opaque"}, OK, None),
            ({"background": "transparent"}, OPEN, "background"),
            ({"background": "white"}, NO, "background"),
            ({"background": "transparent", "output_format": "jpeg"}, NO, "background"),
            ({"style": "vivid"}, NO, "style"),
            ({"user": "u-1"}, OK, None),
            ({"user": None}, NO, "user"),
            ({"imageparity": 1}, OPEN, "imageparity"),
            ({"model": "gpt-image-2-2026-04-21", "size": "1536x864"}, OK, None),
            ({"model": "imageparity"}, OPEN, "model"),
            ({"model": ...}, OK, None),
            ({"model": ..., "prompt": LONG[32001]}, NO, "prompt"),
        ),
        *rows(
            *generate,
            {"model": "gpt-image-1", "prompt": "a"},
            ({"size": "1024x1536"}, OK, None),
            ({"size": "1536x864"}, NO, "size"),
            ({"size": "1792x1024"}, NO, "size"),
            ({"size": "256x256"}, NO, "size"),
            ({"background": "transparent"}, OK, None),
            ({"background": "transparent", "output_format": "webp"}, OK, None),
            ({"background": "transparent", "output_format": "jpeg"}, NO, "background"),
            ({"model": "gpt-image-1-mini", "size": "512x512"}, NO, "size"),
            ({"model": "gpt-image-1.5", "size": "1536x1024"}, OK, None),
            ({"model": "gpt-image-1.5", "style": "natural"}, NO, "style"),
            (
                {"model": "gpt-image-1.5", "response_format": "url"},
                NO,
                "response_format",
            ),
        ),
        *rows(
            *generate,
            {"model": "dall-e-3", "prompt": "a", "size": "1024x1024"},
            ({}, OK, None),
            ({"prompt": LONG[4000]}, OK, None),
            ({"prompt": LONG[4001]}, NO, "prompt"),
            ({"n": 1}, OK, None),
            ({"n": 2}, NO, "n"),
            ({"quality": "hd"}, OK, None),
            ({"quality": "standard"}, OK, None),
            ({"quality": "auto"}, OK, None),
            ({"quality": "low"}, NO, "quality"),
            ({"size": "1024x1792"}, OK, None),
            ({"size": "512x512"}, NO, "size"),
            ({"size": "1536x1024"}, NO, "size"),
            ({"size": "auto"}, OPEN, "size"),
            ({"style": "natural"}, OK, None),
            ({"style": "cubist"}, NO, "style"),
            ({"response_format": "b64_json"}, OK, None),
            ({"response_format": "png"}, NO, "response_format"),
            ({"output_format": "png"}, NO, "output_format"),
            ({"background": "opaque"}, NO, "background"),
            ({"stream": True}, NO, "stream"),
            ({"output_compression": 50}, NO, "output_compression"),
            # Described for GPT image models, without being denied to others.
            ({"moderation": "low"}, OPEN, "moderation"),
        ),
        *rows(
            *generate,
            {"model": "dall-e-2", "prompt": "a", "size": "256x256"},
            ({}, OK, None),
            ({"prompt": LONG[1000]}, OK, None),
            ({"prompt": LONG[1001]}, NO, "prompt"),
            ({"n": 10}, OK, None),
            ({"size": "512x512"}, OK, None),
            ({"size": "1792x1024"}, NO, "size"),
            ({"quality": "standard"}, OK, None),
            ({"quality": "hd"}, NO, "quality"),
            ({"quality": "auto"}, OPEN, "quality"),
            ({"style": "vivid"}, NO, "style"),
            ({"output_format": "webp"}, NO, "output_format"),
            ({"response_format": "url"}, OK, None),
        ),
    ]


ROWS = [
    *by_model(OPENAI),
    *by_model("aihubmix"),
    # Only OpenAI's guide has the least number of pixels.
    *rows(
        OPENAI,
        GEN,
        J,
        {"model": "gpt-image-2", "prompt": "a"},
        ({"size": None}, OK, None),
        ({"model": None}, OK, None),
        ({"size": "816x816"}, OK, None),
        ({"size": "800x800"}, NO, "size"),
        ({"output_compression": 50}, NO, "output_compression"),
    ),
    *rows(
        "aihubmix",
        GEN,
        J,
        {"model": "gpt-image-2", "prompt": "a"},
        # Its page shows no type for these two, and names no least number of pixels.
        ({"size": None}, OPEN, "size"),
        ({"model": None}, OPEN, "model"),
        ({"prompt": None}, NO, "prompt"),
        ({"size": "1024x1024"}, OK, None),
        ({"size": "816x816"}, OPEN, "size"),
        ({"size": "800x800"}, OPEN, "size"),
        ({"size": "2880x2880"}, OPEN, "size"),
        ({"size": "2160x3840"}, OK, None),
        ({"size": "2896x2896"}, NO, "size"),
        # Two of its pages differ about the default format (C23).
        ({"output_compression": 50}, OPEN, "output_compression"),
    ),
    *rows(
        OPENAI,
        EDIT,
        J,
        {"model": "gpt-image-1.5", "prompt": "a", "images": [{"image_url": LINK}]},
        ({}, OK, None),
        ({"model": ...}, OK, None),
        ({"images": ...}, NO, "images"),
        ({"images": []}, NO, "images"),
        ({"images": [{"file_id": f"file-{n}"} for n in range(16)]}, OK, None),
        ({"images": [{"file_id": f"file-{n}"} for n in range(17)]}, NO, "images"),
        ({"images": [{"image_url": DATA_URI}]}, OK, None),
        ({"images": [{}]}, NO, "images[0].image_url"),
        ({"images": [{"image_url": LINK, "file_id": "f"}]}, NO, "images[0].image_url"),
        ({"images": [{"image_url": LINK, "x": 1}]}, NO, "images[0].x"),
        ({"images": [{"image_url": 7}]}, NO, "images[0].image_url"),
        ({"images": [{"image_url": "a.png"}]}, NO, "images[0].image_url"),
        ({"mask": {"file_id": "f"}}, OK, None),
        ({"mask": {}}, NO, "mask.image_url"),
        ({"prompt": ""}, NO, "prompt"),
        ({"prompt": LONG[32000]}, OK, None),
        ({"prompt": LONG[32001]}, NO, "prompt"),
        ({"model": "dall-e-2"}, NO, "model"),
        ({"quality": "standard"}, NO, "quality"),
        ({"quality": "high"}, OK, None),
        ({"size": "1536x1024"}, OK, None),
        ({"size": "1792x1024"}, NO, "size"),
        ({"model": "gpt-image-2", "size": "1500x1000"}, NO, "size"),
        ({"model": "gpt-image-2", "size": "1536x864"}, OPEN, "size"),
        ({"input_fidelity": "high"}, OK, None),
        ({"input_fidelity": "medium"}, NO, "input_fidelity"),
        ({"model": "gpt-image-1-mini", "input_fidelity": "high"}, NO, "input_fidelity"),
        ({"model": "gpt-image-2", "input_fidelity": "high"}, OPEN, "input_fidelity"),
        ({"output_compression": 100}, OK, None),
        ({"output_compression": 50}, NO, "output_compression"),
        (
            {"output_format": "webp", "output_compression": 101},
            NO,
            "output_compression",
        ),
        ({"moderation": "low"}, OK, None),
        ({"response_format": "b64_json"}, OPEN, "response_format"),
        ({"n": 11}, NO, "n"),
        ({"stream": True, "partial_images": 4}, NO, "partial_images"),
    ),
    *rows(
        OPENAI,
        EDIT,
        F,
        {"model": "gpt-image-1", "prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"image": ...}, NO, "image"),
        ({"prompt": ...}, NO, "prompt"),
        ({"image": [picture()] * 16}, OK, None),
        ({"image": [picture()] * 17}, NO, "image"),
        ({"image": picture(format="webp")}, OK, None),
        ({"image": picture(format="gif")}, NO, "image"),
        ({"image": picture(bytes=52_428_800)}, NO, "image"),
        ({"image": picture(bytes=50_000_000)}, OPEN, "image"),
        ({"image": [picture(), picture(format="gif")]}, NO, "image[1]"),
        ({"mask": MASK}, OK, None),
        ({"mask": picture(alpha=True, width=32)}, NO, "mask"),
        ({"mask": picture(format="jpeg")}, NO, "mask"),
        ({"mask": picture()}, NO, "mask"),
        ({"mask": picture(alpha=True, format="webp")}, OPEN, "mask"),
        ({"mask": picture(alpha=True, bytes=5_000_000)}, OPEN, "mask"),
        ({"response_format": "url"}, NO, "response_format"),
        ({"quality": "standard"}, OPEN, "quality"),
        ({"quality": "hd"}, NO, "quality"),
        ({"size": "256x256"}, NO, "size"),
        ({"moderation": "low"}, OPEN, "moderation"),
        ({"model": "gpt-image-2", "size": "1536x864"}, OK, None),
        ({"model": "gpt-image-2", "size": "512x512"}, NO, "size"),
        ({"model": "gpt-image-1-mini", "input_fidelity": "low"}, NO, "input_fidelity"),
        ({"input_fidelity": "high"}, OK, None),
        ({"background": "transparent", "output_format": "jpeg"}, NO, "background"),
    ),
    *rows(
        OPENAI,
        EDIT,
        F,
        {"model": "dall-e-2", "prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"image": picture(format="jpeg")}, NO, "image"),
        ({"image": picture(height=32)}, NO, "image"),
        ({"image": picture(bytes=4_194_304)}, NO, "image"),
        ({"image": picture(bytes=4_000_000)}, OPEN, "image"),
        ({"image": [picture()] * 2}, NO, "image"),
        ({"prompt": LONG[1001]}, NO, "prompt"),
        ({"response_format": "url"}, OK, None),
        ({"size": "256x256"}, OK, None),
        ({"size": "1536x1024"}, NO, "size"),
        ({"output_format": "png"}, NO, "output_format"),
        ({"input_fidelity": "high"}, NO, "input_fidelity"),
    ),
    *rows(
        "aihubmix",
        EDIT,
        F,
        {"model": "gpt-image-2", "prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"model": ...}, NO, "model"),
        ({"prompt": ...}, NO, "prompt"),
        ({"prompt": ""}, NO, "prompt"),
        ({"image": ...}, NO, "image"),
        ({"image": [picture()] * 2}, OPEN, "image"),
        ({"image": picture(format="gif")}, OPEN, "image"),
        ({"mask": MASK}, OK, None),
        ({"mask": picture(alpha=True, width=32)}, OPEN, "mask"),
        ({"n": 10}, OK, None),
        ({"n": 0}, NO, "n"),
        ({"n": 11}, NO, "n"),
        ({"size": "1024*1024"}, NO, "size"),
        ({"size": "1000x1000"}, OPEN, "size"),
        ({"quality": "high"}, OK, None),
        ({"quality": "ultra"}, NO, "quality"),
        ({"quality": "auto"}, OPEN, "quality"),
        ({"output_format": "gif"}, NO, "output_format"),
        ({"output_format": "webp"}, OPEN, "output_format"),
        ({"input_fidelity": "high"}, OPEN, "input_fidelity"),
        ({"moderation": "low"}, OPEN, "moderation"),
    ),
    *rows(
        "tikhub",
        GEN,
        J,
        {"model": "gpt-image-2", "prompt": "a"},
        ({}, OK, None),
        ({"model": "gpt-image-2-vip"}, OK, None),
        ({"model": "gpt-image-1"}, NO, "model"),
        ({"model": "dall-e-3"}, NO, "model"),
        ({"model": ...}, OPEN, "model"),
        ({"prompt": ...}, OPEN, "prompt"),
        ({"n": 11}, OPEN, "n"),
        ({"n": 0}, OPEN, "n"),
        ({"size": "256x256"}, OK, None),
        ({"size": "1792x1024"}, OPEN, "size"),
        ({"quality": "ultra"}, OPEN, "quality"),
        ({"response_format": "url"}, OK, None),
        ({"style": "vivid"}, OK, None),
        ({"background": "transparent"}, OK, None),
        ({"background": "transparent", "output_format": "jpeg"}, OPEN, "output_format"),
        ({"output_format": "png", "output_compression": 0}, OK, None),
        ({"output_compression": 101}, OPEN, "output_compression"),
        ({"moderation": "low"}, OK, None),
        ({"stream": True}, OPEN, "stream"),
        ({"input_fidelity": "high"}, OPEN, "input_fidelity"),
    ),
    *rows(
        "tikhub",
        EDIT,
        F,
        {"model": "gpt-image-2", "prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"image": [picture()] * 2}, NO, "image"),
        ({"image": [picture()] * 2, "model": "gpt-image-2-vip"}, OK, None),
        ({"image": [picture()]}, OPEN, "image"),
        ({"image": ...}, OPEN, "image"),
        ({"mask": MASK}, OK, None),
        ({"mask": picture(alpha=True, format="webp")}, NO, "mask"),
        ({"mask": picture()}, NO, "mask"),
        ({"mask": picture(alpha=True, height=32)}, NO, "mask"),
        ({"mask": picture(alpha=True, bytes=4_000_001)}, OPEN, "mask"),
        ({"moderation": "low"}, OPEN, "moderation"),
        ({"style": "vivid"}, OPEN, "style"),
        ({"model": "gpt-image-1"}, NO, "model"),
    ),
    *rows(
        "llmapi",
        GEN,
        J,
        {"prompt": "a"},
        ({}, OK, None),
        ({"model": "gpt-image-2"}, OK, None),
        # The family may be named; that each of its models answers is not said.
        ({"model": "gpt-image-1"}, OPEN, "model"),
        ({"model": "dall-e-3"}, NO, "model"),
        ({"model": "gpt-4o"}, NO, "model"),
        ({"model": ""}, NO, "model"),
        ({"prompt": ...}, NO, "prompt"),
        ({"n": 1}, OK, None),
        ({"n": 0}, NO, "n"),
        ({"n": -1}, NO, "n"),
        ({"n": 10}, OK, None),
        ({"n": 11}, OPEN, "n"),
        ({"n": "1"}, NO, "n"),
        ({"size": "1024x1024"}, OK, None),
        ({"size": "1792x1024"}, OPEN, "size"),
        ({"size": 1024}, NO, "size"),
        ({"quality": "ultra"}, OPEN, "quality"),
        ({"quality": 5}, NO, "quality"),
        ({"response_format": "b64_json"}, OK, None),
        ({"response_format": "url"}, OPEN, "response_format"),
        ({"stream": True}, OPEN, "stream"),
        ({"stream": "yes"}, NO, "stream"),
        ({"style": "vivid"}, OPEN, "style"),
        ({"background": "transparent"}, OPEN, "background"),
        ({"moderation": "high"}, OPEN, "moderation"),
        ({"output_format": "gif"}, OPEN, "output_format"),
        ({"output_format": "webp", "output_compression": 50}, OK, None),
        (
            {"output_format": "webp", "output_compression": 150},
            OPEN,
            "output_compression",
        ),
        ({"output_compression": "50"}, NO, "output_compression"),
        ({"user": "u-1"}, OPEN, "user"),
        ({"partial_images": 1}, OPEN, "partial_images"),
    ),
    *rows(
        "llmapi",
        EDIT,
        J,
        {"prompt": "a", "images": [{"image_url": LINK}]},
        ({}, OK, None),
        ({"prompt": ...}, NO, "prompt"),
        ({"images": ...}, NO, "images"),
        ({"images": [{}]}, NO, "images[0].image_url"),
        ({"images": [{"image_url": LINK}, {}]}, NO, "images[1].image_url"),
        ({"images": [{"image_url": LINK, "file_id": "f"}]}, NO, "images[0].file_id"),
        ({"images": [{"image_url": DATA_URI}]}, OK, None),
        ({"mask": {"image_url": LINK}}, OK, None),
        ({"mask": {"image_url": LINK, "file_id": "f"}}, NO, "mask.file_id"),
        ({"n": 0}, OPEN, "n"),
        ({"response_format": "b64_json"}, OPEN, "response_format"),
    ),
    *rows(
        "llmapi",
        EDIT,
        F,
        {"prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"image": ...}, NO, "image"),
        ({"image": [picture()] * 2}, OK, None),
        ({"mask": MASK}, OK, None),
        ({"mask": picture(format="jpeg")}, OPEN, "mask"),
        ({"input_fidelity": "high"}, OPEN, "input_fidelity"),
        ({"model": "dall-e-2"}, OPEN, "model"),
    ),
    *rows(
        "tokenhub",
        GEN,
        J,
        {"model": "gpt-image-2", "prompt": "a"},
        ({}, OK, None),
        ({"model": "openai/gpt-image-2"}, OK, None),
        ({"model": "gpt-image-1"}, NO, "model"),
        ({"model": ...}, NO, "model"),
        ({"prompt": ...}, NO, "prompt"),
        ({"n": 1}, OK, None),
        ({"n": 10}, OK, None),
        ({"n": 0}, NO, "n"),
        ({"n": 11}, NO, "n"),
        ({"size": "2048x1152"}, OK, None),
        ({"size": "auto"}, OK, None),
        ({"size": "1152x2048"}, NO, "size"),
        ({"size": "4096x4096"}, NO, "size"),
        ({"quality": "low"}, OK, None),
        ({"quality": "hd"}, NO, "quality"),
        ({"format": "webp"}, OK, None),
        ({"format": "gif"}, NO, "format"),
        ({"format": "jpg"}, NO, "format"),
        ({"output_format": "webp"}, OPEN, "output_format"),
        ({"output_compression": 50}, OPEN, "output_compression"),
        ({"response_format": "b64_json"}, OPEN, "response_format"),
        ({"background": "transparent"}, OPEN, "background"),
        ({"stream": True}, OPEN, "stream"),
    ),
    *rows(
        "tokenhub",
        EDIT,
        J,
        {"model": "gpt-image-2", "prompt": "a", "image": DATA_URI},
        ({}, OK, None),
        ({"image": LINK}, OK, None),
        ({"image": [DATA_URI, LINK]}, OK, None),
        ({"image": ...}, NO, "image"),
        ({"image": 7}, NO, "image"),
        ({"image": [7]}, NO, "image[0]"),
        ({"image": "a.png"}, OPEN, "image"),
        ({"mask": DATA_URI}, OK, None),
        ({"mask": 7}, NO, "mask"),
        ({"input_fidelity": "high"}, OK, None),
        ({"input_fidelity": "medium"}, NO, "input_fidelity"),
        ({"format": "webp"}, OK, None),
        ({"output_format": "webp"}, OK, None),
        ({"output_format": "gif"}, NO, "output_format"),
        ({"output_format": "webp", "output_compression": 0}, OK, None),
        (
            {"output_format": "webp", "output_compression": 101},
            NO,
            "output_compression",
        ),
        ({"output_format": "jpeg", "output_compression": -1}, NO, "output_compression"),
        ({"output_format": "png", "output_compression": 50}, OPEN, "output_format"),
        ({"format": "png", "output_format": "png"}, OPEN, "output_format"),
        ({"size": "4096x4096"}, NO, "size"),
        ({"n": 11}, NO, "n"),
    ),
    *rows(
        "tokenhub",
        EDIT,
        F,
        {"model": "gpt-image-2", "prompt": "a", "image": picture()},
        ({}, OK, None),
        ({"image": [picture()] * 3}, OK, None),
        ({"image": ...}, NO, "image"),
        ({"mask": MASK}, OK, None),
        # Its page is silent about dimensions of a mask, and formats of a file.
        ({"mask": {**MASK, "width": 96}}, OPEN, "mask"),
        ({"image": picture(format="webp")}, OPEN, "image"),
        ({"image": picture(format="gif")}, OPEN, "image"),
        ({"quality": "ultra"}, NO, "quality"),
    ),
]


def named(row: Row) -> str:
    payload = str({k: v for k, v in row.payload.items() if len(str(v)) < 90})
    form = "form-" if row.media_type == F else ""
    return f"{row.provider}-{row.operation}-{form}{payload}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_document_says_of_a_request_what_the_pages_say(row):
    """Derived from the pages and the facts, not from the documents."""
    body = loaded(row.provider).operations[row.operation].bodies[row.media_type]

    verdict = body.judge.judge(row.payload)

    decisive = verdict.documented_violations or verdict.violations
    param = decisive[0].param if decisive else None
    assert (verdict.state, param) == (row.state, row.param)


@pytest.mark.parametrize(
    ("name", "change", "state"),
    [
        ("tokenhub", {"n": 11}, State.INVALID),
        ("aihubmix", {"n": 11}, State.INVALID),
        ("llmapi", {"n": 11}, State.UNSPECIFIED),
        ("aihubmix", {"quality": "ultra"}, State.INVALID),
        ("llmapi", {"quality": "ultra"}, State.UNSPECIFIED),
    ],
    ids=str,
)
def test_the_same_request_has_three_answers(name, change, state):
    body = loaded(name).operations[GEN].bodies[J]
    payload = {"model": "gpt-image-2", "prompt": "a", **change}

    assert body.judge.judge(payload).state is state


@pytest.mark.parametrize(
    ("name", "operation", "change", "error", "status"),
    [
        ("llmapi", GEN, {"model": "dall-e-3"}, "not_an_image_model", 400),
        ("llmapi", GEN, {"n": 0}, "invalid_request", 400),
        ("aihubmix", GEN, {"prompt": LONG[32001]}, "prompt_too_long", 400),
        ("aihubmix", GEN, {"size": "1500x1000"}, "size_not_supported", 400),
        ("aihubmix", GEN, {"n": 11}, "n_not_within_range", 400),
        (OPENAI, GEN, {"size": "1500x1000"}, "invalid_value", 400),
        (OPENAI, GEN, {"response_format": "url"}, "unknown_parameter", 400),
    ],
    ids=str,
)
def test_a_violation_leads_to_the_error_that_the_pages_name(
    name, operation, change, error, status
):
    found = loaded(name).operations[operation]
    payload = {"model": "gpt-image-2", "prompt": "a", **change}

    violation = found.bodies[J].judge.judge(payload).documented_violations[0]

    assert violation.evidence.error == error
    assert found.errors[error].status == status


@pytest.mark.parametrize("operation", [GEN, EDIT])
def test_llmapi_has_the_two_errors_that_its_page_shows(operation):
    errors = loaded("llmapi").operations[operation].errors

    platform, model = errors["platform_not_supported"], errors["not_an_image_model"]
    assert (platform.status, model.status) == (404, 400)
    assert platform.body == {
        "error": {
            "type": "not_found_error",
            "message": "Images API is not supported for this platform",
        }
    }
    assert model.body["error"]["type"] == "invalid_request_error"
    assert model.body["error"]["message"] == "images endpoint requires an image model"


def test_llmapi_names_a_bad_key_at_the_top():
    error = loaded("llmapi").operations[GEN].errors["unauthenticated"]

    assert error.body == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "Invalid API key"},
    }


@pytest.mark.parametrize(("name", "status"), [(OPENAI, 429), ("aihubmix", 403)])
def test_an_empty_account_has_an_error_where_the_pages_name_one(name, status):
    for operation in image_operations(loaded(name)).values():
        assert operation.errors["insufficient_quota"].status == status


DEFAULTS = [
    (OPENAI, GEN, J, {"n": 1, "size": "auto", "quality": "auto", "stream": False}),
    (OPENAI, GEN, J, {"output_format": "png", "output_compression": 100}),
    (
        OPENAI,
        GEN,
        J,
        {"partial_images": 0, "moderation": "auto", "background": "auto"},
    ),
    (OPENAI, EDIT, J, {"model": "gpt-image-1.5", "size": "auto", "n": 1}),
    (OPENAI, EDIT, F, {"model": "gpt-image-1.5", "output_compression": 100}),
    ("aihubmix", GEN, J, {"n": 1, "stream": False, "partial_images": 0}),
    ("llmapi", GEN, J, {"model": "gpt-image-2", "n": 1}),
    (
        "tokenhub",
        GEN,
        J,
        {"n": 1, "size": "1024x1024", "quality": "auto", "format": "png"},
    ),
    ("tokenhub", EDIT, J, {"input_fidelity": "low", "output_compression": 100}),
    ("tokenhub", EDIT, F, {"output_format": "png", "size": "1024x1024"}),
]


@pytest.mark.parametrize(("name", "operation", "media_type", "told"), DEFAULTS, ids=str)
def test_a_document_has_the_defaults_of_the_pages(name, operation, media_type, told):
    body = loaded(name).operations[operation].bodies[media_type]

    assert {each: body.defaults.get(each) for each in told} == told


ONLY_TOLD = [
    (OPENAI, {"model": "dall-e-2", "response_format": "url", "style": "vivid"}),
    ("aihubmix", {"model": "dall-e-2", "response_format": "url", "style": "vivid"}),
    ("aihubmix", {"quality": "auto", "size": "auto", "output_format": "png"}),
    (
        "aihubmix",
        {"moderation": "auto", "background": "auto", "output_compression": 100},
    ),
]


@pytest.mark.parametrize(("name", "told"), ONLY_TOLD, ids=str)
def test_a_default_of_some_models_only_is_told_and_not_filled_in(name, told):
    """C16 to C18: they can never all apply."""
    body = loaded(name).operations[GEN].bodies[J]

    assert {each: body.assumed_defaults.get(each) for each in told} == told
    assert not set(told) & set(body.defaults)


@pytest.mark.parametrize(
    ("name", "media_types"),
    [
        (OPENAI, {J, F}),
        ("tikhub", {F}),
        ("aihubmix", {F}),
        ("llmapi", {J, F}),
        ("tokenhub", {J, F}),
    ],
)
def test_edits_come_in_the_media_types_of_the_pages(name, media_types):
    assert set(loaded(name).operations[EDIT].bodies) == media_types


@pytest.mark.parametrize(
    ("name", "base_path", "give"),
    [
        (OPENAI, "/v1", "b64_json"),
        ("tikhub", "/v1", "b64_json"),
        ("aihubmix", "/v1", "b64_json"),
        ("llmapi", "/v1", "b64_json"),
        ("tokenhub", "/api/v1", "data_uri"),
    ],
)
def test_pictures_of_gpt_image_2_come_as_the_pages_say(name, base_path, give):
    provider = loaded(name)

    assert provider.base_path == base_path
    assert provider.dialect.delivery_for({"model": "gpt-image-2"}).give == give


@pytest.mark.parametrize("name", [OPENAI, "aihubmix"])
def test_dall_e_gives_addresses_that_live_for_an_hour(name):
    dialect = loaded(name).dialect

    assert dialect.delivery_for({"model": "dall-e-3"}).give == "url"
    asked_for = {"model": "dall-e-3", "response_format": "b64_json"}
    assert dialect.delivery_for(asked_for).give == "b64_json"
    assert dialect.url_lifetime.seconds == 3600


@pytest.mark.parametrize(
    ("name", "operation", "streams"),
    [
        (
            OPENAI,
            GEN,
            ["image_generation.completed", "image_generation.partial_image"],
        ),
        (OPENAI, EDIT, ["image_edit.completed", "image_edit.partial_image"]),
        (
            "aihubmix",
            GEN,
            ["image_generation.completed", "image_generation.partial_image"],
        ),
        (
            "llmapi",
            GEN,
            ["image_generation.completed", "image_generation.partial_image"],
        ),
        ("aihubmix", EDIT, []),
        ("llmapi", EDIT, []),
        ("tikhub", GEN, []),
        ("tikhub", EDIT, []),
        ("tokenhub", GEN, []),
        ("tokenhub", EDIT, []),
    ],
    ids=str,
)
def test_streams_are_where_the_pages_have_them(name, operation, streams):
    body = loaded(name).operations[operation].success.bodies.get(EVENT_STREAM)

    assert sorted(body.events if body else ()) == streams


def test_the_alias_whose_path_no_page_tells_is_mentioned_and_not_mounted():
    provider = loaded("tikhub")
    edit = provider.document["paths"]["/images/edits"]["post"]

    assert edit["x-mentions"] == ["OpenAI image edit (legacy alias)"]
    assert [each for each in provider.document["paths"] if "/images" in each] == [
        "/images/generations",
        "/images/edits",
    ]
