"""`sandwich` with gateways that want another header, query, key place or model name."""

import json
import os
import subprocess
import sys

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from support import gateways
from support.commands import run_command
from support.processes import free_port

import specs
from contracts.cli.documents.schema import schema
from contracts.traffic.gateway.question import QuestionKind
from contracts.traffic.gateway.questions import Planner
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

KEY, SECRET = "sk-very/secret+key", "header-secret-0815"
QUERY = "api-version=2025-04-01-preview"


@pytest.fixture
def sandwich(tmp_path):
    """Run `imageparity sandwich` in front of a gateway; returns result and report."""

    def run(*words: str, path_and_query: str = "/openai/v1", **wants):
        port, path = free_port(), tmp_path / "report.json"
        upstream = f"http://127.0.0.1:{port}"
        with gateways.gateway(upstream, **wants) as (server, url):
            done = run_command(
                *("sandwich", f"{url}{path_and_query}", "--upstream-dialect=openai"),
                *(f"--listen-port={port}", "--key-env=GATEWAY_KEY"),
                *(f"--report={path}", *words),
                GATEWAY_KEY=KEY,
                EXTRA=SECRET,
            )
        report = json.loads(path.read_text()) if path.exists() else None
        shown = done.stdout + done.stderr + json.dumps(report)
        assert KEY not in shown
        assert SECRET not in shown
        return done, report, server

    return run


def rows(report, feature: str):
    return [each for each in report["rows"] if each["feature"] == feature]


def test_all_options_together(sandwich):
    """A gateway that passes the caller's key on, and is called quite differently."""
    wants = {
        "headers": {"x-provider": SECRET},
        "query": QUERY,
        "auth": "header:api-key",
        "models": {"pictures": "gpt-image-2"},
        "base": ("/deployments/pictures", "/openai/v1"),
    }
    only = ("model", "key", "quality", "background", "mask", "usage", "server_error")
    done, report, server = sandwich(
        *("--header=x-provider=EXTRA", "--auth=header:api-key"),
        *("--model=gpt-image-2=pictures", "--except=key"),
        *(f"--only={each}" for each in only),
        path_and_query=f"/deployments/pictures?{QUERY}",
        **wants,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert report["call"] == {
        "auth": "header:api-key",
        "headers": ["x-provider"],
        "models": {"gpt-image-2": "pictures"},
        "operations": [],
    }
    assert list(Draft202012Validator(schema("sandwich")).iter_errors(report)) == []
    (model,) = rows(report, "model")
    assert (model["verdict"], model["sent"]) == ("honoured", '"pictures"')
    (key,) = rows(report, "key")
    assert (key["verdict"], key["excepted"]) == ("altered", True)
    transparent = [e for e in rows(report, "background") if e["verdict"] == "untested"]
    model = "gpt-image-2.5-sunburst"
    note = f"it needs {model}: name it with --model {model}=NAME"
    assert [each["note"] for each in transparent] == [note, note]
    assert all(b"pictures" in body for _, _, body in server.requests)
    assert not any("Authorization" in each for each, _, _ in server.requests)


def test_a_further_model_is_tested_under_its_name(sandwich):
    models = {"new": "gpt-image-2", "old": "gpt-image-2.5-sunburst"}
    done, report, server = sandwich(
        *(
            "--model=gpt-image-2=new",
            "--model=gpt-image-2.5-sunburst=old",
            "--except=key",
        ),
        *("--only=model", "--only=background", "--operations=createImage"),
        models=models,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = rows(report, "model gpt-image-2.5-sunburst")
    assert (row["verdict"], row["promised"]) == ("honoured", True)
    assert (row["sent"], row["arrived"]) == ('"old"', '"gpt-image-2.5-sunburst"')
    assert {each["verdict"] for each in rows(report, "background")} == {"honoured"}
    assert {each["operation"] for each in report["rows"]} == {"createImage"}
    sent = {json.loads(body)["model"] for _, _, body in server.requests}
    assert sent == {"new", "old"}


def test_a_model_that_is_not_the_default_is_tested_alone(sandwich):
    done, report, server = sandwich(
        *("--model=gpt-image-2.5-sunburst=old", "--except=key", "--only=model"),
        *("--only=background", "--only=images, n=2"),
        models={"old": "gpt-image-2.5-sunburst"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {each["verdict"] for each in rows(report, "background")} == {"honoured"}
    assert all(b"old" in body for _, _, body in server.requests)


def test_no_key_is_sent(sandwich):
    done, report, server = sandwich("--auth=none", "--only=key", auth="none")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [each["verdict"] for each in rows(report, "key")] == ["honoured"]
    assert not any("Authorization" in each for each, _, _ in server.requests)


def test_a_gateway_that_wants_a_header_says_which_option_sends_it(sandwich):
    done, report, _ = sandwich(headers={"x-provider": SECRET})

    assert (done.returncode, report) == (2, None)
    assert "a header is missing" in done.stderr
    assert "--header" in done.stderr


def test_a_refusal_that_repeats_the_header_is_shown_without_it(tmp_path):
    async def refuse(request: web.Request) -> web.Response:
        message = f"who is {request.headers['x-provider']}, {request.query['k']}?"
        return web.json_response({"error": {"message": message}}, status=401)

    app = web.Application()
    app.router.add_post("/{path:.*}", refuse)
    with serve_in_thread(app) as (url, _):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "contracts", "sandwich", f"{url}/v1"),
                *("--upstream-dialect=openai", "--listen-port=0", "--auth=query:k"),
                *("--key-env=GATEWAY_KEY", "--header=x-provider=EXTRA"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "GATEWAY_KEY": KEY, "EXTRA": SECRET},
        )

    assert done.returncode == 2
    assert "who is ***, ***?" in done.stderr


WRONG = {
    "no value": (["--header=x-extra=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
    "no variable": (["--header=x-extra"], "NAME=ENVVAR"),
    "unknown way": (["--auth=digest"], "header:NAME"),
    "unknown model": (["--model=gpt-9=mine"], "gpt-9"),
    "unknown operation": (
        ["--operations=createImage,createFilm"],
        "'createFilm', only createImage, createImageEdit",
    ),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_option_is_a_usage_error(sandwich, words, said):
    done, report, server = sandwich(*words)

    assert (done.returncode, report, server.requests) == (2, None, [])
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_values_prefer_the_models_that_have_a_name():
    """`gpt-image-2.5-flare` has transparent backgrounds too, and comes later."""
    provider = specs.load("openai")
    models = {"gpt-image-2": "new", "gpt-image-2.5-flare": "first"}
    questions = Planner(provider, provider, models, run_id="q0").questions()

    asked = {each.model for each in questions if each.kind is QuestionKind.MODEL}
    transparent = {
        each.model: each.untested
        for each in questions
        if each.case.payload.get("background") == "transparent"
    }
    assert asked == {"gpt-image-2.5-flare"}
    assert transparent == {"gpt-image-2.5-flare": ""}
    assert all(
        each.case.payload["model"] in {"new", "first"} or each.untested
        for each in questions
    )
