"""The commands for gateways that are called differently end with exit status 0."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.documentation import TEXT
from support.gateways import gateway
from support.providers import SHIPPED

import mockserver
import specs
from contracts.cli.main import main

pytestmark = pytest.mark.slow

DEPLOYMENT = {
    "query": "api-version=2025-04-01-preview",
    "auth": "header:api-key",
    "models": {"pictures": "gpt-image-2"},
    "base": ("/openai/deployments/pictures", "/openai/v1"),
}
GATEWAYS = {
    "run openai .*--auth header:api-key": DEPLOYMENT,
    "run openai .*--header x-portkey-provider": {
        "headers": {"x-portkey-provider": "openai"},
        "base": ("/v1", "/openai/v1"),
    },
    "run openai .*:4000/v1": {
        "models": {"pictures": "gpt-image-2"},
        "base": ("/v1", "/openai/v1"),
    },
    "run azure .*--against": {**DEPLOYMENT, "models": {}},
}
ONLY = (
    "--no-fuzz",
    "--only",
    "createImage/request/n/",
    "--only",
    "/plain",
    "--only",
    "auth/",
)


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("AZURE_API_KEY", "OPENAI_API_KEY", "GATEWAY_KEY", "LITELLM_KEY"):
        monkeypatch.setenv(name, "sk-very-secret")
    monkeypatch.setenv("PORTKEY_PROVIDER", "openai")
    monkeypatch.setenv("PORTKEY_UPSTREAM", "http://127.0.0.1:1/openai/v1")


def documented(pattern: str) -> list[str]:
    """The words of the one command in the documentation that matches a pattern."""
    (line,) = (
        each
        for each in re.findall("^imageparity (.*)$", TEXT, re.MULTILINE)
        if re.match(pattern, each)
    )
    return shlex.split(line, comments=True)


def documented_part(name: str) -> dict:
    (text,) = re.findall(rf"<!-- azure: {name} -->\n```yaml\n(.*?)```", TEXT, re.DOTALL)
    return yaml.safe_load(text)


def write_azure(folder: Path) -> None:
    """Write `providers/azure` as the documentation says."""
    made = folder / "providers" / "azure"
    made.mkdir(parents=True)
    for name in ("openapi.yaml", "dialect.yaml"):
        content = yaml.safe_load((SHIPPED / "openai" / name).read_text("utf-8"))
        content.pop("reference", None)
        if "paths" in content:  # the deployment has no videos
            content.pop("x-tasks")
            content["paths"] = {
                path: item
                for path, item in content["paths"].items()
                if path.startswith("/images/")
            }
        part = documented_part(name)
        components = {**content.get("components", {}), **part.pop("components", {})}
        content |= part
        if components:
            content["components"] = components
        (made / name).write_text(yaml.safe_dump(content), "utf-8")
    sources = yaml.safe_dump(documented_part("sources.yaml"))
    (folder / "providers" / "sources.yaml").write_text(sources, "utf-8")


@pytest.mark.parametrize("pattern", GATEWAYS)
def test_a_recipe_passes(pattern, mock, tmp_path):
    """The server is independent of the document, and wants what the recipe sends."""
    write_azure(tmp_path)
    words = documented(pattern)
    with gateway(mock.url, **GATEWAYS[pattern]) as (server, url):
        words = [re.sub(r"http://127.0.0.1:[0-9]{4}", url, each) for each in words]
        result = CliRunner().invoke(main, [*words, *ONLY])
        assert result.exit_code == 0, result.output
        assert len(server.requests) > 15
        plain = ["run", "openai", "--against", words[words.index("--against") + 1]]
        without = CliRunner().invoke(main, [*plain, *ONLY])

    assert without.exit_code == 2


def test_the_described_deployment_has_a_mock_that_conforms(tmp_path):
    write_azure(tmp_path)
    linted = CliRunner().invoke(main, ["lint", "providers"])
    result = CliRunner().invoke(
        main, [*documented("run azure --specs providers$"), *ONLY]
    )

    assert linted.exit_code == 0, linted.output
    assert result.exit_code == 0, result.output


def test_a_run_of_the_deployment_passes_at_its_mock(tmp_path):
    """With the query, and without `--auth`: the document says where the key is."""
    write_azure(tmp_path)
    words = documented("run azure .*--against")
    at = words.index("--against") + 1
    with mockserver.running(
        specs.load("azure", tmp_path / "providers"), tasks="immediate"
    ) as running:
        query = words[at].partition("?")[2]
        words[at] = f"{running.base_url}?{query}"
        result = CliRunner().invoke(main, [*words, *ONLY])
        made = running.journal(operation="createImage", status=200)
        keys = {each["key"] for each in made}

    assert result.exit_code == 0, result.output
    assert words[at].endswith("/azure/openai/deployments/pictures?" + query)
    assert keys == {"***"}
