"""One judge, three answers, and a reason for each no."""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.properties import examples

import specs
from contracts.media.files import with_file_facts
from contracts.planning.request_model import RequestModel, request_models
from specs import Basis, Evidence, Judge, State, Upload, size_of
from specs.validation.engine import compile_validator
from specs.validation.explanation import Explainer
from specs.validation.transforms import (
    documented_only,
    to_validator_schema,
    without_unlisted_members,
)
from specs.validation.vocabulary import ANNOTATIONS, KEYWORDS, LIMITS

pytestmark = pytest.mark.slow

BODIES = [
    (name, operation.id, media_type)
    for name in specs.names()
    for operation in specs.load(name).operations.values()
    for media_type in operation.bodies
]
MANY = settings(
    max_examples=examples(24),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
UNLISTED = "additionalProperties"
LONGEST = 40_000  # longer values are the harness's business, and slow to explain


@cache
def model_of(name: str, operation: str, media_type: str) -> RequestModel:
    return request_models(specs.load(name))[operation, media_type]


@pytest.fixture(params=BODIES, ids="-".join)
def model(request: pytest.FixtureRequest) -> RequestModel:
    return model_of(*request.param)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.builds("{}x{}".format, st.integers(0, 5000), st.integers(0, 5000)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@cache
def telling(key: tuple[str, str, str], member: str) -> tuple[Any, ...]:
    """The telling values of a member, files as their facts."""
    values = (with_file_facts(each.value) for each in model_of(*key).values(member))
    return tuple(each for each in values if len(repr(each)) <= LONGEST)


@cache
def known_claims(name: str) -> dict[str, tuple[Basis, str]]:
    """The basis and the rule of each claim of a provider, by id."""
    return {
        each.id: (each.evidence.basis, each.evidence.rule)
        for each in specs.claims(specs.load(name))
    }


def key_of(model: RequestModel) -> tuple[str, str, str]:
    return model.provider.id, model.operation.id, model.body.media_type


@cache
def payloads(key: tuple[str, str, str]) -> st.SearchStrategy[Any]:
    """Something near a good request, or anything at all."""
    model = model_of(*key)
    base = with_file_facts(model.minimal_request)
    changes = [
        st.tuples(st.just(name), st.sampled_from(telling(key, name)) | json_values)
        for name in model.body.properties
    ]
    unlisted = st.tuples(st.text(max_size=8), json_values)
    several = st.lists(st.one_of(*changes), max_size=4)
    near = several.map(lambda some: base | dict(some))
    odd = st.lists(unlisted, max_size=1).map(dict)
    gone = st.sets(st.sampled_from(list(model.body.properties)), max_size=1)
    mixed = st.builds(
        lambda payload, more, less: {
            name: value for name, value in (payload | more).items() if name not in less
        },
        near,
        odd,
        gone,
    )
    return near | mixed | near | mixed | json_values


@cache
def explainers(key: tuple[str, str, str]) -> tuple[tuple[Any, Explainer], ...]:
    """A validator and an explainer of the strict and of the documented schema."""
    plain = to_validator_schema(model_of(*key).body.schema)
    return tuple(
        (compile_validator(schema), Explainer(schema, Evidence()))
        for schema in (without_unlisted_members(plain), documented_only(plain))
    )


@MANY
@given(data=st.data())
def test_what_is_rejected_is_explained_and_nothing_else(model, data):
    payload = data.draw(payloads(key_of(model)))

    for validator, explainer in explainers(key_of(model)):
        assert validator.is_valid(payload) == (not explainer.violations(payload))


def test_every_telling_value_that_is_rejected_is_explained(model):
    """And each text with a line's end after it."""
    key = key_of(model)
    _, (validator, explainer) = explainers(key)
    base = with_file_facts(model.minimal_request)

    for name in model.body.properties:
        values = telling(key, name)
        for value in (*values, *(f"{each}\n" for each in values if type(each) is str)):
            payload = {**base, name: value}
            is_valid = validator.is_valid(payload)
            assert is_valid == (not explainer.violations(payload)), (name, value)


@MANY
@given(data=st.data())
def test_a_state_and_its_violations_say_the_same(model, data):
    """Valid has no violation, invalid a documented one, unspecified others only."""
    verdict = model.body.judge.judge(data.draw(payloads(key_of(model))))

    assert bool(verdict.violations) == (verdict.state is not State.VALID)
    assert bool(verdict.documented_violations) == (verdict.state is State.INVALID)


@MANY
@given(data=st.data())
def test_a_documented_violation_breaks_a_claim_of_the_document(model, data):
    payload = data.draw(payloads(key_of(model)))
    known = known_claims(model.provider.id)

    for violation in model.body.judge.judge(payload).documented_violations:
        if not (
            model.is_form and violation.keyword == "type"
        ):  # a form has texts and files
            claim = f"{model.name}/{violation.claim}"
            assert known[claim] == (Basis.DOCUMENTED, violation.evidence.rule)


def test_violations_stand_in_the_order_of_the_document(model):
    """Whatever the order of the request."""
    claims = list(specs.claims(model.provider))
    order = [each.id for each in claims]
    documented = {each.id for each in claims if each.is_documented}
    wrong = {
        name: [1] if schema.get("type") == "object" else {"imageparity": [1]}
        for name, schema in model.body.properties.items()
    }
    backwards = dict(reversed(wrong.items()))

    found = [
        f"{model.name}/{each.claim}"
        for each in model.body.judge.judge(wrong).documented_violations
    ]

    types = {f"{model.name}/{name}/type" for name in wrong}
    places = [order.index(each) for each in found if each in order]
    assert places or model.is_form or types.isdisjoint(documented)
    assert places == sorted(places)
    assert model.body.judge.judge(wrong) == model.body.judge.judge(backwards)


SMALL = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "x-source": "S1#prompt"},
        "n": {
            "type": "integer",
            "minimum": 1,
            "allOf": [{"maximum": 10, "x-basis": "assumed", "x-source": "ours"}],
        },
        "style": {"type": "string", "x-basis": "reference"},
        "images": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["image_url"],
                "additionalProperties": False,
                "properties": {"image_url": {"type": "string"}, "file_id": False},
            },
        },
        "size": {"type": "string"},
    },
    "allOf": [
        {
            "x-rule": "small-together",
            "x-error": "too_large",
            "x-source": "S1#size",
            "if": {"required": ["n"], "properties": {"n": {"minimum": 2}}},
            "then": {
                "properties": {
                    "size": {
                        "enum": ["512x512"],
                        "x-image-size": {"maxEdge": 512, "multipleOf": 16},
                    }
                }
            },
        }
    ],
}


@pytest.fixture(scope="module")
def small() -> Judge:
    return Judge(SMALL, evidence=Evidence(source="S1"))


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        ({"prompt": "a"}, State.VALID),
        ({"prompt": "a", "n": 10}, State.VALID),
        ({"prompt": "a", "n": 11}, State.UNSPECIFIED),
        ({"prompt": "a", "n": 0}, State.INVALID),
        ({"prompt": "a", "unlisted": 1}, State.UNSPECIFIED),
        ({"prompt": "a", "style": "vivid"}, State.UNSPECIFIED),
        ({"prompt": "a", "style": 7}, State.UNSPECIFIED),
        ({"prompt": "a", "n": 0, "unlisted": 1}, State.INVALID),
        ({"prompt": "a", "images": [{"image_url": "u", "more": 1}]}, State.INVALID),
        ({"prompt": "a", "size": "1024x1024"}, State.VALID),
        ({"prompt": "a", "size": "1024x1024", "n": 2}, State.INVALID),
        ({"prompt": "a", "size": "512x512", "n": 11}, State.UNSPECIFIED),
        ({}, State.INVALID),
        ([], State.INVALID),
        (None, State.INVALID),
    ],
    ids=repr,
)
def test_there_are_three_answers(small, payload, state):
    assert small.judge(payload).state is state


def test_an_open_schema_welcomes_unlisted_members_and_no_others():
    judge = Judge(SMALL, open=True)

    assert judge.judge({"prompt": "a", "unlisted": 1}).state is State.VALID
    assert judge.judge({"prompt": "a", "n": 11}).state is State.UNSPECIFIED
    nested = {"prompt": "a", "images": [{"image_url": "u", "unlisted": 1}]}
    assert judge.judge(nested).state is State.INVALID


@pytest.mark.parametrize(
    ("payload", "claim", "param"),
    [
        ({}, "prompt/required", "prompt"),
        ({"prompt": 7}, "prompt/type", "prompt"),
        ({"prompt": "a", "n": 0}, "n/minimum", "n"),
        ({"prompt": "a", "n": 11}, "n/maximum", "n"),
        ({"prompt": "a", "images": []}, "images/minItems", "images"),
        ({"prompt": "a", "images": [7]}, "images[]/type", "images[0]"),
        (
            {"prompt": "a", "images": [{"image_url": "u"}, {}]},
            "images[]/image_url/required",
            "images[1].image_url",
        ),
        (
            {"prompt": "a", "images": [{"image_url": 7}]},
            "images[]/image_url/type",
            "images[0].image_url",
        ),
        (
            {"prompt": "a", "images": [{"image_url": "u", "file_id": "f"}]},
            "images[]/file_id/absent",
            "images[0].file_id",
        ),
        (
            {"prompt": "a", "images": [{"image_url": "u", "more": 1}]},
            "images[]/additionalProperties",
            "images[0].more",
        ),
        (
            {"prompt": "a", "n": 2, "size": "256x256"},
            "small-together/size/enum",
            "size",
        ),
        ({"prompt": "a", "unlisted": 1}, "additionalProperties", "unlisted"),
        ([], "type", None),
    ],
    ids=repr,
)
def test_a_violation_names_its_claim_and_the_member_to_blame(
    small, payload, claim, param
):
    (violation,) = small.judge(payload).violations

    assert (violation.claim, violation.param) == (claim, param)


def test_a_rule_with_several_faults_names_each_aspect(small):
    verdict = small.judge({"prompt": "a", "n": 2, "size": "1000x1000"})

    assert [each.claim for each in verdict.violations] == [
        "small-together/size/enum",
        "small-together/size/x-image-size/multipleOf",
        "small-together/size/x-image-size/maxEdge",
    ]


def test_a_violation_carries_the_nearest_evidence(small):
    verdict = small.judge({"n": 11, "size": "1024x1024"})

    assert [(each.claim, each.evidence) for each in verdict.violations] == [
        ("prompt/required", Evidence(source="S1")),
        ("n/maximum", Evidence(source="ours", basis=Basis.ASSUMED)),
        (
            "small-together/size/enum",
            Evidence(source="S1#size", error="too_large", rule="small-together"),
        ),
        (
            "small-together/size/x-image-size/maxEdge",
            Evidence(source="S1#size", error="too_large", rule="small-together"),
        ),
    ]


def test_a_choice_stays_open_where_a_branch_is_ours():
    """A value that an assumed branch may take is not invalid, nor is taking both."""
    judge = Judge(
        {
            "properties": {
                "kind": {
                    "oneOf": [
                        {"type": "string", "maxLength": 3},
                        {"type": "integer", "x-basis": "assumed"},
                    ]
                }
            }
        }
    )

    states = [judge.state({"kind": each}) for each in ("abc", 1, None)]
    assert states == [State.VALID, State.VALID, State.UNSPECIFIED]


def test_two_readings_of_one_word_are_two_claims():
    schema = {
        "properties": {
            "mask": {
                "x-upload": {"formats": ["png", "webp"]},
                "allOf": [{"x-upload": {"formats": ["png"]}, "x-basis": "assumed"}],
            }
        }
    }

    violations = Judge(schema).judge({"mask": {"format": "gif"}}).violations

    assert [(each.claim, each.evidence.basis) for each in violations] == [
        ("mask/x-upload/formats", Basis.DOCUMENTED),
        ("mask/assumed/x-upload/formats", Basis.ASSUMED),
    ]


@pytest.mark.parametrize(
    ("schema", "value", "sentence"),
    [
        ({"minimum": 1}, 0, "it: must be at least 1"),
        ({"maximum": 3}, 4, "it: must be at most 3"),
        ({"exclusiveMinimum": 0}, 0, "it: must be greater than 0"),
        ({"exclusiveMaximum": 3}, 3, "it: must be less than 3"),
        ({"minLength": 1}, "", "it: must have at least 1 characters"),
        ({"maxLength": 1}, "ab", "it: must have at most 1 characters"),
        ({"minItems": 1}, [], "it: must have at least 1 entries"),
        ({"maxItems": 1}, [1, 2], "it: must have at most 1 entries"),
        ({"const": 7}, 8, "it: must be 7"),
        ({"enum": ["a", "b"]}, "c", "it: must be one of a, b"),
        ({"type": ["string", "null"]}, 7, "it: must be string or null"),
        ({"type": "string", "format": "binary"}, 7, "it: must be a file or an object"),
        ({"pattern": "^a$"}, "a\n", "it: must match ^a$"),
        (False, 7, "it: is not supported here"),
    ],
    ids=repr,
)
def test_a_violation_is_a_sentence(schema, value, sentence):
    (violation,) = Judge({"properties": {"it": schema}}).judge({"it": value}).violations

    assert str(violation) == sentence


@pytest.mark.parametrize(
    "value", ["", "a", 1.0, 10.0, 1e300, 2**70, -0.0, True, "😀" * 3]
)
def test_values_count_and_compare_as_json_schema_says(value):
    """1.0 is an integer, True is none, and an emoji is one character."""
    for schema in (
        {"type": "integer", "minimum": 1, "maximum": 10},
        {"maxLength": 3, "minLength": 1},
        {"enum": [1, "a", 0]},
        {"const": 1},
    ):
        is_valid = Draft202012Validator(schema).is_valid(value)
        assert compile_validator(schema).is_valid(value) == is_valid


NESTED: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (
        {"additionalProperties": False},
        {"b": 1, "a": 2},
        [("b", UNLISTED), ("a", UNLISTED)],
    ),
    (
        {"properties": {"a": {}}, "additionalProperties": False},
        {"b": 1, "a": 2},
        [("b", UNLISTED)],
    ),
    (
        {"additionalProperties": {"type": "string"}},
        {"b": 1},
        [("b", "additionalProperties/type")],
    ),
    ({"required": ["b", "a"]}, {}, [("b", "b/required"), ("a", "a/required")]),
    (
        {"items": {"minimum": 1}},
        [0, 1, 0],
        [("[0]", "[]/minimum"), ("[2]", "[]/minimum")],
    ),
    ({"items": False}, [0], [("[0]", "[]")]),
    (
        {"items": {"required": ["a"], "properties": {"b": {"const": False}}}},
        [{"b": 1}, {"b": True}],
        [
            ("[0].a", "[]/a/required"),
            ("[0].b", "[]/b/const"),
            ("[1].a", "[]/a/required"),
            ("[1].b", "[]/b/const"),
        ],
    ),
    ({"contains": {"const": 1}, "minContains": 2}, [1], [("", "contains")]),
    ({"if": {"const": 1}, "then": False}, 1, [("", "")]),
    ({"if": {"const": 1}, "else": {"type": "string"}}, 2, [("", "type")]),
    (
        {"then": {"maximum": 0}, "minimum": 2, "if": {"const": 1}},
        1,
        [("", "minimum"), ("", "maximum")],
    ),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [("b", "dependentRequired")]),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, [("", "anyOf")]),
]


@pytest.mark.parametrize(("schema", "value", "reasons"), NESTED, ids=repr)
def test_violations_name_the_field_and_the_claim_in_the_order_of_the_document(
    schema, value, reasons
):
    found = Explainer(schema, Evidence()).violations(value)

    assert [(each.param or "", each.claim) for each in found] == reasons


MANY_ENTRIES = 200_000


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"images": [1] * MANY_ENTRIES}, "images[0]"),
        ({"images": ["a"] * MANY_ENTRIES + [1]}, f"images[{MANY_ENTRIES}]"),
        ({"images": [], **dict.fromkeys(map(str, range(MANY_ENTRIES)))}, "0"),
        ({"images": [["b"] * 60, ["b"] * 70 + [1]]}, "images[1][70]"),
    ],
    ids=["entries", "last-entry", "fields", "nested"],
)
def test_a_large_value_is_explained_by_some_of_its_violations(value, param):
    nested = {
        "type": "array",
        "items": {"type": ["string", "array"], "items": {"type": "string"}},
    }
    schema = {
        "properties": {"images": nested},
        "required": ["images"],
        "additionalProperties": False,
    }

    found = Explainer(schema, Evidence()).violations(value)

    assert found[0].param == param
    assert len(found) < 100


def test_an_entry_that_is_missing_in_a_part_of_a_large_value_is_not_missed():
    schema = {"contains": {"const": 1}, "minItems": 60, "items": {"type": "integer"}}
    explainer = Explainer(schema, Evidence())

    assert explainer.violations([0] * 99 + [1]) == []
    assert [each.param for each in explainer.violations([0] * 98 + ["a", 1])] == [
        "[98]"
    ]


def upload(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "filename": "a.png",
        "content_type": "image/png",
        "bytes": 100,
        "sha256": "0" * 64,
        "format": "png",
        "width": 64,
        "height": 64,
        "alpha": True,
    }
    return Upload(**{**facts, **changes}).facts()


SIDES: list[tuple[str, Any, Any, list[str]]] = [
    ("x-image-size", {"multipleOf": 16}, "32x16", []),
    ("x-image-size", {"multipleOf": 16}, "33x16", ["multipleOf"]),
    ("x-image-size", {"multipleOf": 16}, "16x33", ["multipleOf"]),
    ("x-image-size", {"maxEdge": 100}, "100x100", []),
    ("x-image-size", {"maxEdge": 100}, "101x1", ["maxEdge"]),
    ("x-image-size", {"maxEdge": 100}, "1x101", ["maxEdge"]),
    ("x-image-size", {"minPixels": 100}, "10x10", []),
    ("x-image-size", {"minPixels": 100}, "11x9", ["minPixels"]),
    ("x-image-size", {"maxPixels": 100}, "10x10", []),
    ("x-image-size", {"maxPixels": 100}, "101x1", ["maxPixels"]),
    ("x-image-size", {"maxRatio": 3}, "30x10", []),
    ("x-image-size", {"maxRatio": 3}, "10x30", []),
    ("x-image-size", {"maxRatio": 3}, "31x10", ["maxRatio"]),
    ("x-image-size", {"maxRatio": 3}, "10x31", ["maxRatio"]),
    ("x-image-size", {"maxEdge": 1}, "auto", []),
    ("x-image-size", {"maxEdge": 1}, 7, []),
    ("x-upload", {"formats": ["png"]}, upload(), []),
    ("x-upload", {"formats": ["png"]}, upload(format="gif"), ["formats"]),
    ("x-upload", {"formats": ["png"]}, upload(format=None), ["formats"]),
    ("x-upload", {"maxBytes": 100}, upload(), []),
    ("x-upload", {"maxBytes": 99}, upload(), ["maxBytes"]),
    ("x-upload", {"transparent": True}, upload(), []),
    ("x-upload", {"transparent": True}, upload(alpha=False), ["transparent"]),
    ("x-upload", {"alpha": True}, upload(), []),
    ("x-upload", {"alpha": True}, upload(alpha=False), ["alpha"]),
    ("x-upload", {"transparent": True}, upload(alpha=True), []),
    ("x-upload", {"transparent": True}, upload(alpha=False), ["transparent"]),
    ("x-upload", {"square": True}, upload(), []),
    ("x-upload", {"square": True}, upload(height=63), ["square"]),
    ("x-upload", {"minEdge": 64}, upload(width=99), []),
    ("x-upload", {"minEdge": 64}, upload(width=63), ["minEdge"]),
    ("x-upload", {"maxEdge": 64}, upload(height=9), []),
    ("x-upload", {"maxEdge": 64}, upload(height=65), ["maxEdge"]),
    ("x-upload", {"maxEdge": 64}, upload(width=None, height=None), []),
    ("x-upload", {"maxPixels": 4096}, upload(), []),
    ("x-upload", {"maxPixels": 4096}, upload(width=65), ["maxPixels"]),
    ("x-upload", {"maxRatio": 2}, upload(width=32), []),
    ("x-upload", {"maxRatio": 2}, upload(width=31), ["maxRatio"]),
    ("x-upload", {"mediaTypes": ["image/png"]}, upload(), []),
    ("x-upload", {"mediaTypes": ["image/png"]}, upload(content_type=""), []),
    ("x-upload", {"mediaTypes": ["a/b"]}, upload(), ["mediaTypes"]),
    ("x-upload", {"formats": ["png"]}, "a text", []),
    ("x-same-dimensions", ["a", "b"], {"a": upload(), "b": upload(bytes=7)}, []),
    ("x-same-dimensions", ["a", "b"], {"a": upload(), "b": upload(width=63)}, ["b"]),
    ("x-same-dimensions", ["a", "b"], {"a": upload(), "b": upload(height=63)}, ["b"]),
    ("x-same-dimensions", ["a", "b"], {"a": [upload()], "b": upload(width=1)}, ["b"]),
    (
        "x-same-dimensions",
        ["a", "b"],
        {"a": [upload(), upload(width=1)], "b": upload()},
        [],
    ),
    ("x-same-dimensions", ["a", "b"], {"a": upload()}, []),
    ("x-same-dimensions", ["a", "b"], {"a": [], "b": upload()}, []),
    ("x-same-dimensions", ["a", "b"], {"a": upload(width=None), "b": upload()}, []),
    ("x-same-dimensions", ["a", "b"], "a text", []),
]


@pytest.mark.parametrize(("word", "limits", "value", "faults"), SIDES, ids=repr)
def test_a_keyword_tells_both_sides_of_its_bound(word, limits, value, faults):
    schema = {word: limits}

    found = [aspect for aspect, _, _ in KEYWORDS[word](limits, value)]

    assert found == faults
    assert compile_validator(schema).is_valid(value) == (not faults)
    assert bool(Explainer(schema, Evidence()).violations(value)) == bool(faults)


def test_every_keyword_and_every_aspect_is_on_trial():
    tried = {(word, fault) for word, _, _, faults in SIDES for fault in faults}

    assert {word for word, _ in tried} == set(KEYWORDS)
    for word, aspects in LIMITS.items():
        assert {fault for each, fault in tried if each == word} == set(aspects)
    assert not set(KEYWORDS) & set(ANNOTATIONS)


FITS = [
    "auto",
    "1024x1024",
    "1536x1024",
    "1024x1536",
    "1536x864",
    "1792x1024",
    "816x816",
    "1280x512",
    "640x1024",
    "2048x1152",
    "2560x1440",
    "2048x2048",
    "3072x1024",
    "3840x2160",
    "2160x3840",
    "2880x2880",
]
BREAKS = {
    "256x256": ["minPixels"],
    "512x512": ["minPixels"],
    "800x800": ["minPixels"],
    "1264x512": ["minPixels"],
    "1500x1000": ["multipleOf"],
    "1024x1000": ["multipleOf"],
    "3088x1024": ["maxRatio"],
    "3840x2176": ["maxPixels"],
    "2896x2896": ["maxPixels"],
    "3856x2160": ["maxEdge", "maxPixels"],
    "4096x4096": ["maxEdge", "maxPixels"],
}
NO_SIZES = ["1024X1024", "1024 x 1024", " 1024x1024", "1024x1024\n", "01024x1024"]
NO_SIZES += ["1024×1024", "１０２４x1024", "-16x16", "1024x", "1024", ""]  # noqa: RUF001


@pytest.fixture(scope="module")
def sizes() -> Judge:
    """The judge of the one document that has all of the arithmetic."""
    return (
        specs.load("openai").operations["createImage"].bodies["application/json"].judge
    )


def asking(size: str) -> dict[str, Any]:
    return {"model": "gpt-image-2", "prompt": "a", "size": size}


@pytest.mark.parametrize("size", FITS)
def test_gpt_image_2_draws(sizes, size):
    assert sizes.judge(asking(size)).state is State.VALID


@pytest.mark.parametrize(("size", "aspects"), BREAKS.items())
def test_gpt_image_2_does_not_draw(sizes, size, aspects):
    verdict = sizes.judge(asking(size))

    assert verdict.state is State.INVALID
    assert [each.claim for each in verdict.violations] == [
        f"size-gpt-image-2/size/x-image-size/{each}" for each in aspects
    ]
    assert {each.param for each in verdict.violations} == {"size"}


@pytest.mark.parametrize("size", [*NO_SIZES, "1024*1024"])
def test_what_is_no_size_is_refused(sizes, size):
    verdict = sizes.judge(asking(size))

    assert [each.claim for each in verdict.documented_violations] == [
        "size-gpt-image-2/size/pattern"
    ]


def test_a_size_has_an_x_or_an_asterisk():
    assert size_of("1024x768") == size_of("1024*768") == (1024, 768)
    assert [size for size in NO_SIZES if size_of(size)] == []
