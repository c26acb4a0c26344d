"""A definition that `init` writes lints, is served, and passes its own run."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from support.http import KEY, ask, edit, generation, saved
from support.paths import ROOT

import mockserver
import specs
from contracts.cli.main import main

DOCUMENTS = ROOT / "tests" / "contracts" / "scaffold" / "documents"
FILES = ["dialect.yaml", "openapi.yaml", "sources.yaml"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words):
    done = CliRunner().invoke(main, [str(each) for each in words])
    return done.exit_code, done.stdout, done.stderr


def init(*words):
    status, out, err = call("init", "mine", *words)
    assert (status, err) == (0, "")
    return out


def content(file="openapi.yaml"):
    return yaml.safe_load(Path("providers/mine", file).read_text(encoding="utf-8"))


def works(*, warnings: int):
    """The definition lints with so many warnings and passes on its own mock."""
    status, out, err = call("lint", "providers")
    assert status == 0, err
    assert err.count(": warning: ") == warnings, err
    status, out, err = call("run", "mine", "--specs", "providers", "--max-cases", "150")
    assert status in {0, 3}, out + err  # 3: not all cases were run
    assert "conforms to its documentation" in out
    return out


def post(payload, path="/images/generations", **headers):
    """The answer of the mock to a user's client."""
    with mockserver.running("mine", specs_path="providers") as mock:
        return ask(mock.base_url + path, body=payload, **headers)


@pytest.mark.slow
def test_without_an_option_a_minimal_provider_is_written():
    out = init()

    assert sorted(each.name for each in Path("providers/mine").iterdir()) == FILES
    assert all(f"providers/mine/{each}" in out for each in FILES)
    assert "imageparity run mine --specs providers" in out
    assert ", 0 findings" in works(warnings=1)
    assert len(Path("providers/mine/openapi.yaml").read_text().splitlines()) < 90
    answer = post({"model": "gpt-image-1", "prompt": "A boat", "n": 2})
    assert (answer.status, len(answer.json["data"])) == (200, 2)
    assert post({"model": "gpt-image-1"}).json["error"]["param"] == "prompt"


def test_it_is_a_command_of_the_module_too(here):
    command = [sys.executable, "-m", "contracts", "init", "mine"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "Wrote providers/mine/dialect.yaml" in done.stdout


def test_an_existing_folder_is_left_as_it_is():
    init()
    before = content()

    status, out, err = call("init", "mine", "--like", "tokenhub")

    assert (status, out) == (2, "")
    assert "providers/mine exists and was left as it is" in err
    assert content() == before
    assert [each.name for each in Path("providers").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Mine!"], "use lower-case letters"),
        (["../mine"], "use lower-case letters"),
        (["openai"], "is a provider that ships"),
        (["mine", "--like", "nobody"], "not a known provider"),
        (["mine", "--like", "openai", "--from", "a.yaml"], "give one of"),
        (["mine", "--from", "a.yaml"], "is not an OpenAPI 3 document"),
        (["mine", "--from", "b.yaml"], "convert it from Swagger 2"),
        (["mine", "--from", "c.json"], "POST with a `prompt`"),
        (["mine", "--from-recordings", "empty"], "contains no recordings"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(words, said, here):
    Path("a.yaml").write_text("- 1\n")
    Path("b.yaml").write_text("swagger: '2.0'\n")
    Path("c.json").write_text('{"openapi": "3.1.0", "paths": {"/chat": {"post": {}}}}')
    Path("empty").mkdir()

    status, out, err = call("init", *words)

    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("providers").exists()


def test_like_a_provider_is_its_form_without_its_evidence(provider):
    out = init("--like", provider.id)

    text = Path("providers/mine/openapi.yaml").read_text(encoding="utf-8")
    mine = specs.load("mine", "providers")
    assert set(mine.operations) == set(provider.operations)
    for name, operation in provider.operations.items():
        assert set(mine.operations[name].errors) == set(operation.errors)
        assert set(mine.operations[name].bodies) == set(operation.bodies)
    assert {each.evidence.source for each in specs.claims(mine)} == {"TODO"}
    assert provider.dialect.base_url not in text
    assert "x-contradicts" not in text
    assert mine.dialect.prices is None
    assert "replace the source TODO" in out


@pytest.mark.slow
@pytest.mark.providers("llmapi", "tikhub", "tokenhub")
def test_like_a_provider_passes_its_own_run(provider):
    init("--like", provider.id)

    works(warnings=1)


def test_a_document_of_a_web_framework_is_taken_over():
    out = init("--from", DOCUMENTS / "fastapi.json")

    document = content()
    assert list(document["paths"]) == ["/images/generations", "/images/edits"]
    assert document["servers"] == [{"url": "https://mine.example/v1"}]
    generation = document["paths"]["/images/generations"]["post"]
    schemas = document["components"]["schemas"]
    fields = schemas["GenerateRequest"]["properties"]
    assert fields["quality"]["enum"] == ["standard", "hd", None]
    assert fields["seed"] == {"type": ["integer", "null"]}
    assert str(fields["n"]["maximum"]) == "4"  # not 4.0
    assert fields["size"]["x-welcome"] == "unspecified"
    assert fields["size"]["examples"] == ["1024x1024"]
    assert list(generation["responses"]) == ["200", "422", "401", "429", "500"]
    assert schemas["Body_edit_v1_images_edits_post"]["properties"]["mask"] == {
        "type": ["string", "null"],
        "format": "binary",
        "allOf": [
            {"x-upload": {"formats": ["png"]}, "x-basis": "assumed", "x-source": "ours"}
        ],
    }
    assert content("dialect.yaml")["model"] == "flux-1"
    for said in (
        "the operation GET /health",
        "the header parameter `x-trace`",
        "must have `id`",
        "list the values of `size`",
        "the error `rate_limited` with status 429, as a guess",
        "write your base URL",
    ):
        assert said in out


@pytest.mark.slow
def test_a_document_of_a_web_framework_is_served_and_passes():
    init("--from", DOCUMENTS / "fastapi.json")

    works(warnings=0)
    refused = post({"prompt": "A boat", "n": 9})
    assert refused.status == 422
    assert refused.json["detail"][0]["loc"] == ["body.n"]
    url = post({"prompt": "A boat", "response_format": "url"}).json["data"][0]
    assert set(url) == {"url"}


def test_a_document_of_openapi_30_is_converted():
    out = init("--from", DOCUMENTS / "openapi-3.0.yaml")

    document = content()
    (path,) = document["paths"]
    operation = document["paths"][path]["post"]
    schemas = document["components"]["schemas"]
    fields = schemas["Generate"]["properties"]
    assert (document["openapi"], path) == ("3.1.0", "/image/generate")
    assert document["servers"] == [{"url": "https://images.example.org/api"}]
    assert operation["operationId"] == "createImage"
    assert fields["num_images"]["exclusiveMinimum"] == 0
    assert "minimum" not in fields["num_images"]
    assert fields["style"] == {
        "type": ["string", "null"],
        "enum": ["vivid", "natural", None],
    }
    assert schemas["Size"]["examples"] == ["512x512"]
    assert schemas["Generate"]["required"] == ["text"]
    assert document["components"]["securitySchemes"] == {
        "apiKey": {"type": "http", "scheme": "bearer"}
    }
    assert content("dialect.yaml")["fields"] == {
        "createImage": {
            "prompt": "text",
            "n": "num_images",
            "output_format": "format",
        }
    }
    for said in (
        "the operation GET /status/{id}",
        "requests as application/xml",
        "the keyword `x-order`",
        "Generate, which contains itself",
        "required ghost, not a property",
        "the response `default`",
        "must have `took`",
        "text = prompt",
    ):
        assert said in out, out


@pytest.mark.slow
def test_a_document_of_openapi_30_is_served_and_passes():
    init("--from", DOCUMENTS / "openapi-3.0.yaml")

    works(warnings=1)  # of the unusual path
    answer = post({"text": "A boat", "num_images": 2}, "/image/generate")
    assert [set(each) for each in answer.json["data"]] == [{"url"}] * 2
    refused = post({"text": "A boat", "num_images": 0}, "/image/generate")
    assert (refused.status, refused.json["field"]) == (400, "num_images")


@contextmanager
def recording(provider, folder):
    """The base URL of a proxy in front of a mock, as a user starts it."""
    with mockserver.running(provider) as mock:
        command = [sys.executable, "-m", "contracts", "proxy", provider, "--json"]
        command += ["--upstream", mock.base_url, "--port", "0", "--record", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            ready = json.loads(process.stdout.readline())
            yield ready["providers"][provider]
        finally:
            process.terminate()
            process.communicate()


@pytest.mark.slow
def test_recordings_become_assumptions():
    openai = specs.load("openai")
    picture = saved(Image.radial_gradient("L").convert("RGB"))
    streamed = generation(openai, stream=True, partial_images=1)
    with recording("openai", "recordings") as url:

        def send(status, path="/images/generations", **request):
            assert ask(url + path, **request).status == status

        send(200, body=generation(openai, n=2, size="1024x1536"))
        send(200, body=generation(openai, quality="low"))
        send(200, body=streamed)
        send(400, body=generation(openai, n=0))
        send(429, body=generation(openai), X_Mock_Error="rate_limited")
        send(200, "/images/edits", **edit(openai, "multipart/form-data", picture))

    out = init("--from-recordings", "recordings")

    document = content()
    operation = document["paths"]["/images/generations"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    fields = schema["properties"]
    assert document["x-basis"] == "assumed"
    assert "enum" not in json.dumps(document)
    assert fields["size"]["examples"] == ["1024x1536"]
    assert fields["n"] == {"type": "integer", "examples": [2]}
    assert "examples" not in fields["prompt"]
    assert set(operation["responses"]) == {"200", "400", "401", "429", "500"}
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    edits = document["paths"]["/images/edits"]["post"]["requestBody"]["content"]
    form = edits["multipart/form-data"]["schema"]["properties"]
    assert form["image"]["format"] == "binary"
    assert "the error `server_error` with status 500, as a guess" in out
    assert KEY not in Path("providers/mine/openapi.yaml").read_text()
    works(warnings=0)
    answer = post({"model": fields["model"]["examples"][0], "prompt": "A boat"})
    assert set(answer.json["data"][0]) == {"b64_json"}


@pytest.mark.slow
def test_an_image_that_came_as_a_data_uri_is_delivered_so():
    with recording("tokenhub", "recordings") as url:
        body = generation(specs.load("tokenhub"))
        assert ask(f"{url}/images/generations", body=body).status == 200

    init("--from-recordings", "recordings")

    answer = post({"model": "gpt-image-2", "prompt": "A boat"})
    assert answer.json["data"][0]["url"].startswith("data:image/png;base64,")
