"""API keys are read from where the document has them, and shown nowhere."""

import json
import logging

import openai
import pytest
from support.http import KEY as BEARER_KEY
from support.http import ask
from support.providers import API_KEY_HEADER, API_KEY_QUERY, BEARER, write_provider

import mockserver

KEY = "a-long-and-very-secret-key"
ASKED = {"model": "gpt-image-2", "prompt": "A boat"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Mocks that take the key in a header, in the query, and in either of two ways."""
    folder = tmp_path_factory.mktemp("providers")
    providers = [
        write_provider(folder, "header", schemes=[API_KEY_HEADER]),
        write_provider(folder, "query", schemes=[API_KEY_QUERY]),
        write_provider(folder, "either", schemes=[API_KEY_HEADER, BEARER]),
    ]
    with mockserver.running(*providers) as running:
        yield running


def sent(running, name: str, query: str = "", prompt: str = "A boat", **headers: str):
    url = f"{running.base_urls[name]}/images/generations{query}"
    return ask(url, body={**ASKED, "prompt": prompt}, key=None, **headers)


@pytest.mark.parametrize(
    ("name", "query", "headers", "status"),
    [
        ("header", "", {"api_key": KEY}, 200),
        ("header", "", {"API_KEY": KEY}, 200),
        ("header", "?subscription=x", {"Authorization": f"Bearer {KEY}"}, 401),
        ("header", "", {"api_key": ""}, 401),
        ("header", "", {}, 401),
        ("query", f"?subscription={KEY}", {}, 200),
        ("query", f"?x=1&subscription={KEY}", {}, 200),
        ("query", "?subscription=", {}, 401),
        ("query", "", {"subscription": KEY, "Authorization": f"Bearer {KEY}"}, 401),
        ("either", "", {"api_key": KEY}, 200),
        ("either", "", {"Authorization": f"Bearer {KEY}"}, 200),
        ("either", "", {"api_key": "", "Authorization": f"Bearer {KEY}"}, 200),
        ("either", f"?api-key={KEY}", {}, 401),
    ],
)
def test_a_key_is_read_from_the_documented_places(
    serving, name, query, headers, status
):
    assert sent(serving, name, query, **headers).status == status


def test_the_reason_of_a_rejection_names_the_places(serving):
    for name in ("header", "query", "either"):
        sent(serving, name)

    reasons = {
        name: serving.journal(name, error="unauthenticated")[-1]["decision"]["because"]
        for name in ("header", "query", "either")
    }
    assert reasons == {
        "header": "An API key in the header api-key is needed.",
        "query": "An API key in the query parameter subscription is needed.",
        "either": "An API key in the header api-key or a bearer token is needed.",
    }


def test_a_key_that_ends_in_an_error_triggers_it(serving):
    assert sent(serving, "header", api_key="k-mock-rate_limited").status == 429
    query = "?subscription=k-mock-unauthenticated"
    assert sent(serving, "query", query).status == 401


def test_the_namespace_is_read_from_the_key(serving):
    sent(serving, "query", "?subscription=key-ns-blue", prompt="In blue")

    (entry,) = serving.journal("query", namespace="blue")
    assert entry["payload"]["prompt"] == "In blue"


def test_neither_journal_nor_log_has_the_key(serving, caplog):
    with caplog.at_level(logging.INFO, "mockserver.access"):
        sent(serving, "header", prompt=f"Draw {KEY}", api_key=KEY)
        sent(serving, "query", f"?subscription={KEY}", prompt=f"Draw {KEY}")
        serving.journal()

    entries = [*serving.journal("header"), *serving.journal("query")]
    assert entries[-1]["key"] == "***"
    assert entries[-1]["payload"]["prompt"] == "Draw ***"
    assert caplog.records
    logged = [each.getMessage() + repr(vars(each)) for each in caplog.records]
    assert KEY not in json.dumps(entries) + "".join(logged)


def test_the_client_of_a_deployment_works(tmp_path):
    """The path has the deployment, the query a version, a header the key."""
    azure = write_provider(
        tmp_path,
        "azure",
        like="openai",
        base_url="https://mine.openai.azure.com/openai/deployments/pictures",
    )
    with mockserver.running(azure) as running:
        with openai.AzureOpenAI(
            azure_endpoint=f"{running.url}/azure",
            azure_deployment="pictures",
            api_version="2025-04-01-preview",
            api_key=KEY,
        ) as client:
            made = client.images.generate(model="gpt-image-2", prompt="A boat")
        with (
            openai.OpenAI(base_url=running.base_url, api_key=BEARER_KEY) as other,
            pytest.raises(openai.AuthenticationError),
        ):
            other.images.generate(model="gpt-image-2", prompt="A boat")

    assert made.data[0].b64_json
