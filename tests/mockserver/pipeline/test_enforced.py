"""Rules that no page states and the mock enforces all the same: `x-enforced`."""

import pytest
from support.http import FORM, ask, edit, form, generation, picture, url_of

import specs
from mockserver.pipeline.request.validation import MAX_VIOLATIONS

JSON_EDITS = ("llmapi", "tokenhub", "openai")


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


def rejected(answer, param, provider):
    """Assert that a response is the provider's 400 for a field."""
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert param in error["message"]
    documented = provider.operations["createImage"].errors["invalid_request"]
    if "param" in documented.body["error"]:
        assert error["param"] == param


def test_a_generation_needs_a_prompt_everywhere(mock, provider):
    answer = ask(url_of(mock, provider), body=without(generation(provider), "prompt"))

    rejected(answer, "prompt", provider)


def test_an_edit_needs_a_prompt_and_an_image_everywhere(mock, provider):
    operation = provider.operations["createImageEdit"]
    url = url_of(mock, provider, operation.id)
    fields = generation(provider)
    image = ("image", picture())

    rejected(ask(url, **form(*fields.items())), "image", provider)
    no_prompt = form(*without(fields, "prompt").items(), image)
    rejected(ask(url, **no_prompt), "prompt", provider)
    assert ask(url, **edit(provider, FORM, picture())).status == 200


@pytest.mark.parametrize("name", JSON_EDITS)
def test_an_empty_list_has_no_image_to_edit(mock, name):
    provider = specs.load(name)
    bodies = provider.operations["createImageEdit"].bodies
    member = "images" if "images" in bodies["application/json"].properties else "image"
    body = generation(provider, **{member: []})

    answer = ask(url_of(mock, provider, "createImageEdit"), body=body)

    assert answer.status == 400
    assert member in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("change", "param"),
    [({"prompt": None}, "prompt"), ({"model": None}, "model")],
)
def test_null_is_as_good_as_missing(mock, change, param):
    provider = specs.load("tikhub")

    answer = ask(url_of(mock, provider), body=generation(provider) | change)

    rejected(answer, param, provider)


def test_a_request_stays_unspecified_and_the_journal_has_the_rule(mock):
    provider = specs.load("tikhub")
    ask(url_of(mock, provider), body={"model": "gpt-image-2"})

    decision = mock.journal("tikhub")[-1]["decision"]

    assert decision["state"] == "unspecified"
    assert "prompt" in decision["because"]
    (violation,) = decision["violations"]
    assert violation["claim"].endswith("prompt/required")
    assert violation["basis"] == "assumed"


def test_unlisted_fields_do_not_hide_a_missing_prompt(mock):
    provider = specs.load("tikhub")
    extra = {f"extra_{n}": n for n in range(2 * MAX_VIOLATIONS)}
    body = {"model": "gpt-image-2", **extra}

    rejected(ask(url_of(mock, provider), body=body), "prompt", provider)
    assert ask(url_of(mock, provider), body=body | {"prompt": "x"}).status == 200
