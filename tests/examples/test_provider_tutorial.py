"""The tutorial about a gateway of one's own works, step by step."""

import base64
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.http import ask, opened
from support.paths import ROOT

import mockserver
import specs
from contracts.cli.main import main

PAGE = (ROOT / "docs" / "pages" / "provider.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
YAML = [text for kind, text in BLOCKS if kind == "yaml"]
DIALECT, KEYS, FIELDS, RULE, RESPONSE, _EVENTS, ERROR, _MODELS, SOURCE, _DATES = YAML

pytestmark = pytest.mark.slow


def call(line: str):
    done = CliRunner().invoke(main, line.removeprefix("imageparity ").split())
    assert done.exit_code == 0, done.output
    return done.output


def replaced(file: str, old: str, new: str):
    path = Path("providers/mine", file)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def indented(text: str, depth: int) -> str:
    return textwrap.indent(text, " " * depth)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The definition after all steps of the tutorial."""
    monkeypatch.chdir(tmp_path)
    call("imageparity init mine")
    told = yaml.safe_load(DIALECT)
    url, model = told["live"]["base_url"], told["model"]
    for file in ("openapi.yaml", "dialect.yaml"):
        replaced(file, "https://mine.example/v1", url)
        replaced(file, "gpt-image-1", model)
    replaced("dialect.yaml", "MINE_API_KEY", told["live"]["key_env"])
    text = Path("providers/mine/openapi.yaml").read_text(encoding="utf-8")
    (n,) = re.findall(r"^ *n: .*\n", text, re.MULTILINE)
    (size,) = re.findall(r"^ *size: .*\n", text, re.MULTILINE)
    depth = len(n) - len(n.lstrip())
    more = (
        "output_format: {type: string, enum: [png, jpeg], default: png}\n"
        "output_compression: {type: integer, minimum: 0, maximum: 100}\n"
    )
    rule = indented(RULE, depth - 2)
    replaced("openapi.yaml", n + size, indented(FIELDS + more, depth) + rule)
    replaced(
        "openapi.yaml", '        "429":\n', indented(ERROR, 8) + '        "429":\n'
    )
    bearer = "    bearer: {type: http, scheme: bearer}\n"
    replaced("openapi.yaml", bearer, indented(KEYS, 4))
    replaced("openapi.yaml", "- bearer: []", "- header: []")
    replaced("openapi.yaml", "x-source: TODO", "x-source: M1")
    replaced("dialect.yaml", "source: TODO", "source: M1")
    Path("providers/mine/sources.yaml").write_text(SOURCE, encoding="utf-8")
    return specs.load("mine", "providers")


def test_all_steps_together_lint_without_a_warning(mine):
    assert call("imageparity lint providers") == "1 provider: no problems\n"


def test_what_was_written_is_served(mine):
    with mockserver.running("mine", specs_path="providers") as mock:
        url = f"{mock.base_url}/images/generations"
        sent = {"key": None, "api_key": "any"}
        body = {"model": mine.dialect.model, "prompt": "A boat"}
        good = ask(url, **sent, body={**body, "size": "512x768"})
        large = ask(url, **sent, body={**body, "size": "4096x4096"})
        odd = ask(url, **sent, body={**body, "output_compression": 50})
        broke = ask(url, **sent, body=body, X_Mock_Error="insufficient_credit")
        keyless = ask(url, body=body)

    assert good.status == 200
    assert (large.status, large.json["error"]["param"]) == (400, "size")
    assert odd.status == 400
    assert keyless.status == 401
    assert (broke.status, broke.json["error"]["code"]) == (402, "no_credit")


def test_a_response_in_another_form_is_filled_in(mine):
    path = Path("providers/mine/openapi.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    success = document["paths"]["/images/generations"]["post"]["responses"]["200"]
    success["content"]["application/json"] = {
        "schema": {"type": "object"},
        **yaml.safe_load(RESPONSE),
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    with mockserver.running("mine", specs_path="providers") as mock:
        body = {"model": mine.dialect.model, "prompt": "A boat", "size": "512x768"}
        url = f"{mock.base_url}/images/generations"
        found = ask(url, key=None, api_key="any", body=body).json

    assert found["id"]
    (image,) = found["images"]
    assert (set(image), image["size"]) == ({"image", "size"}, "512x768")
    assert opened(base64.b64decode(image["image"])).size == (512, 768)


def test_what_was_written_conforms_to_itself(mine):
    out = call("imageparity run mine --specs providers")

    assert " 0 findings" in out
    assert "4. " not in out


def test_each_start_of_the_page_is_an_option_of_init():
    starts = re.findall(r"imageparity init mine (--[a-z-]+)", PAGE)

    known = {
        name for each in main.get_command(None, "init").params for name in each.opts
    }
    assert {"--like", "--from", "--from-recordings"} == set(starts) <= known
