from contextlib import suppress

import pytest
from openai import APIStatusError, OpenAI


def poster(prompt):
    """The code under test; it knows nothing of the mock."""
    with OpenAI() as client:
        answer = client.images.generate(
            model="gpt-image-2", prompt=prompt, size="1536x1024"
        )
    return answer.data[0].url


@pytest.mark.dialect("tokenhub")
def test_one_request_per_poster(image_mock, openai_env):
    assert poster("A paper boat").startswith("data:image/png;base64,")

    (request,) = image_mock.journal()
    assert request["payload"]["size"] == "1536x1024"
    assert image_mock.costs()["total"]["amounts"] == {"USD": 0.125}


@pytest.mark.dialect("tokenhub")
def test_a_rate_limit_is_retried(image_mock, openai_env):
    image_mock.script({"error": "rate_limited", "retry_after": 0.1})

    poster("A paper boat")

    assert [entry["status"] for entry in image_mock.journal()] == [429, 200]


def test_every_provider_answers(all_dialects, openai_env):
    with suppress(APIStatusError, TypeError):  # another path, size or response
        poster("A paper boat")

    assert all_dialects.count(status=500) == 0
