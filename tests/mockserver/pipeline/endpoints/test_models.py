"""The models of a provider: the list and single ones, as clients ask for them."""

import openai as sdk
import pytest
from support.http import ask, key_of, wire

import specs
from mockserver.simulation.faults import FAULTS
from specs import ModelsAction

pytestmark = pytest.mark.slow

DOCUMENTED = [
    each.id
    for each in specs.load_all(())
    if each.operation_on_models(ModelsAction.LIST)
]
UNDOCUMENTED = [each for each in specs.names() if each not in DOCUMENTED]


def get(running, provider, path="/models", method="GET", **asked):
    asked = {**key_of(provider.any_operation), **asked}
    return ask(f"{running.base_urls[provider.id]}{path}", method=method, **asked)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_list_has_its_form_and_its_models(own, name):
    provider = specs.load(name)
    operation = provider.operation_on_models(ModelsAction.LIST)
    read = provider.operation_on_models(ModelsAction.READ)
    key = "sk-x" if operation.authentication else None

    answer = ask(f"{own.base_urls[name]}{operation.path}", method="GET", key=key)

    assert operation.success.bodies[specs.JSON].judge.is_valid(answer.json)
    models = operation.models.models_in(answer.json)
    assert list(models) == list(specs.listed_models(provider))
    if read is not None:
        path = read.path.partition("{")[0]
        for id_, model in models.items():
            assert get(own, provider, f"{path}{id_}").json == model
        unknown = get(own, provider, f"{path}none-such")
        assert unknown.status == read.errors[read.models.unknown].status


def test_a_list_is_that_of_the_day():
    """A model that has ended is not in it, one that ends says when."""
    by_day = {
        day: specs.listed_models(specs.load(f"openai@{day}"))
        for day in ("2026-08-21", "2026-11-05", "2026-12-01")
    }

    ends = {day: models.get("gpt-image-1.5") for day, models in by_day.items()}
    assert ends["2026-08-21"]["shutdown_date"] == "2026-12-01"
    assert ends["2026-12-01"] is None
    assert "sora-2" in by_day["2026-08-21"]
    assert "sora-2" not in by_day["2026-11-05"]
    assert "gpt-image-2.6-flare" not in by_day["2026-08-21"]


def test_a_list_is_filtered(own):
    path = f"{own.base_urls['siliconflow']}/models?sub_type=image-to-image"

    models = [each["id"] for each in ask(path, method="GET").json["data"]]

    assert models == ["Qwen/Qwen-Image-Edit", "Qwen/Qwen-Image-Edit-2509"]


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_the_list_and_each_of_its_models(own, name):
    provider = specs.load(name)
    models = get(own, provider).json["data"]

    assert provider.dialect.model in [each["id"] for each in models]
    for model in models:
        assert get(own, provider, f"/models/{model['id']}").json == model
    operations = {each["operation"] for each in own.journal(provider.id)}
    assert operations == {"listModels", "retrieveModel"}


def test_the_client_of_the_reference_reads_them(own):
    with sdk.OpenAI(base_url=own.base_urls["openai"], api_key="k") as client:
        assert client.models.retrieve("gpt-image-2").id in {
            each.id for each in client.models.list()
        }
        with pytest.raises(sdk.NotFoundError) as caught:
            client.models.retrieve("gpt-image-0")

    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("name", ["aihubmix", "deepinfra", "siliconflow", "llmapi"])
def test_the_client_of_the_reference_reads_lists_of_others(own, name):
    with sdk.OpenAI(base_url=own.base_urls[name], api_key="k") as client:
        listed = [each.id for each in client.models.list()]

    assert listed == list(specs.listed_models(specs.load(name)))


def test_models_of_videos_are_among_them(own):
    """Also where the field has another name, or the model is in the path."""
    for name, model in {
        "aihubmix": "wan2.6-t2v",
        "kling": "kling-v2-5-turbo",
        "tikhub": "kling-v2-6",
        "veo": "veo-3.1-fast-generate-preview",
    }.items():
        models = get(own, specs.load(name)).json["data"]
        assert model in [each["id"] for each in models]


def test_an_unknown_model_is_a_404_of_the_provider(own, provider):
    answer = get(own, provider, "/models/none-such")

    known = provider.any_operation.errors["invalid_request"].body
    assert answer.status == 404
    assert answer.json.keys() == known.keys()


@pytest.mark.parametrize("path", ["/models", "/models/gpt-image-2"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}])
def test_a_key_is_needed(own, path, headers):
    provider = specs.load("openai")

    answer = get(own, provider, path, key=None, **headers)

    example = provider.operations["createImage"].errors["unauthenticated"]
    assert (answer.status, answer.json) == (401, example.body)


def test_head_is_get_without_a_body(own, provider):
    whole, head = get(own, provider), get(own, provider, method="HEAD")

    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))
    assert get(own, provider, "/models/x", method="HEAD").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/models", "/models/gpt-image-2"])
def test_another_method_is_a_405(own, method, path):
    answer = get(own, specs.load("openai"), path, method=method)

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/models/", "/models//", "/modelsx"])
def test_what_only_begins_like_it_is_unknown(own, path):
    answer = get(own, specs.load("openai"), path)

    assert answer.status in {401, 404}


def test_errors_faults_and_delays_reach_it(own, provider):
    assert get(own, provider, X_Mock_Error="rate_limited").status == 429
    listing = provider.operation_on_models(ModelsAction.LIST)
    needs_key = listing is None or listing.authentication is not None
    status = get(own, provider, key="sk-mock-unauthenticated").status
    assert status == (401 if needs_key else 200)
    assert get(own, provider, X_Mock_Error="503").status == 503
    assert get(own, provider, X_Mock_Error="none_such").status == 400
    assert get(own, provider, X_Mock_Fault="html").status == 502
    assert get(own, provider, X_Mock_Latency="30").status == 200

    entries = own.journal(provider.id)
    assert entries[-1]["decision"]["latency_ms"] == 30
    assert entries[-1]["seconds"] >= 0.03
    statuses = [429, status, 503, 400, 502, 200]
    assert [each["status"] for each in entries] == statuses


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_fault_adds_a_body_to_head(own, fault):
    """The next response of the connection would begin with it."""
    asked = {"method": "HEAD", "body": b"", "X_Mock_Fault": f"{fault};seconds=0"}

    assert wire(f"{own.base_urls['openai']}/models", **asked).body == b""


def test_only_what_a_fault_damages_is_in_the_journal(own):
    openai = specs.load("openai")
    asked = {"method": "HEAD"}

    assert get(own, openai, X_Mock_Fault="truncate", **asked).status == 200
    assert get(own, openai, X_Mock_Fault="html", **asked).status == 502
    outcomes = [each["outcome"] for each in own.journal("openai")]
    assert outcomes == ["answered", "html"]


def test_it_follows_a_script(own, provider):
    own.script(
        [
            {"error": "unauthenticated", "operation": "listModels"},
            {"status": 200, "body": {"data": []}, "operation": "retrieveModel"},
        ],
        provider.id,
    )

    assert get(own, provider, "/models/x").status == 404
    assert get(own, provider).status == 401
    assert get(own, provider, "/models/x").json == {"data": []}
    assert get(own, provider).status == 200
