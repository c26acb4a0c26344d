"""The commands for gateways that are called differently end with exit status 0."""

import re
import shlex

import pytest
from click.testing import CliRunner
from support.documentation import TEXT
from support.gateways import gateway

from contracts.cli.main import main

pytestmark = pytest.mark.slow

GATEWAYS = {
    "--model pictures": {
        "query": "api-version=2025-04-01-preview",
        "auth": "header:api-key",
        "models": {"pictures": "gpt-image-2"},
        "base": ("/openai/deployments/pictures", "/openai/v1"),
    },
    "--header x-portkey-provider": {
        "headers": {"x-portkey-provider": "openai"},
        "base": ("/v1", "/openai/v1"),
    },
}


@pytest.mark.parametrize("part", GATEWAYS)
def test_a_recipe_passes(part, mock, monkeypatch, tmp_path):
    (line,) = (
        each
        for each in re.findall("^imageparity (.*)$", TEXT, re.MULTILINE)
        if part in each
    )
    monkeypatch.chdir(tmp_path)
    for name in ("AZURE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "sk-very-secret")
    monkeypatch.setenv("PORTKEY_PROVIDER", "openai")
    only = ["--no-fuzz", "--only", "createImage/request/", "--only", "auth/"]
    with gateway(mock.url, **GATEWAYS[part]) as (_, url):
        words = shlex.split(line.replace("http://127.0.0.1:9000", url))
        result = CliRunner().invoke(main, [*words, *only])
        without = CliRunner().invoke(main, [*words[:4], *only])

    assert result.exit_code == 0, result.output
    assert without.exit_code == 2
