"""The command `sources`: what is recorded, and what a check of pages says."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner
from support.sources import write_cited_provider

import specs
from contracts.cli.main import main
from contracts.sources.citations import cited_sources
from contracts.sources.fingerprints import read_fingerprints
from mockserver.embedded.starter import serve_in_thread

GUIDE = """\
<!doctype html><html><head><title>Guide</title><script>let x = 1</script></head><body>
<nav>Guide 1.0</nav><main><h1>Image guide</h1>
<p>With this endpoint your application makes images from a text that you send.</p>
<h2 id="parameters">Parameters</h2><table>
<tr><th>Name</th><th>Type</th><th>Notes</th></tr>
<tr><td><code>n</code></td><td>integer</td>
<td>The number of images, from 1 to 4.</td></tr>
<tr><td><code>size</code></td><td>string</td><td>One of <code>1024x1024</code>,
<code>1536x1024</code>. Defaults to <code>1024x1024</code>.</td></tr></table>
<h2 id="errors">Errors</h2><p>Too many requests give the status 429.</p></main>
<footer>Copyright 2026</footer></body></html>
"""
PROSE = (
    GUIDE.replace("With this endpoint your application makes", "Here you make")
    .replace("The number of images, from 1 to 4.", "From 1 up to 4: how many you want.")
    .replace("Guide 1.0", "Guide 2.0")
    .replace("2026", "2027")
)
FACT = GUIDE.replace("from 1 to 4", "from 1 to 8").replace("429", "<b>429</b>")
FIELD = GUIDE.replace(
    "</table>", "<tr><td><code>seed</code></td><td>integer</td><td>Any.</td></table>"
)
GONE = GUIDE.replace("<code>n</code>", "<code>count</code>")
LOGIN = f"<html><body><main>{'Please sign in to read this page. ' * 5}</main></html>"
MARKDOWN = """\
# Image guide
Here you make images from a text that you send to the server, as you will see below.
## Parameters
| Name | Type | Notes |
|---|---|---|
| n | integer | The number of images, from 1 to 4. |
| size | string | 1024x1024 (default) or 1536x1024. |
## Errors
Too many requests give the status 429.
"""
NOW = {
    "same": GUIDE,
    "prose": PROSE,
    "fact": FACT,
    "field": FIELD,
    "gone": GONE,
    "markdown": MARKDOWN,
    "moved": MARKDOWN.replace("## Errors\n", ""),
    "login": LOGIN,
    "script": "<html><body><div id=app></div><script>start()</script></body></html>",
    "missing": web.HTTPNotFound,
    "picture": b"\x89PNG",
    "slow": asyncio.sleep,
    "never": GUIDE,  # not recorded
}
TIMEOUT = "0.5"


@pytest.fixture(scope="module")
def server() -> Iterator[SimpleNamespace]:
    """A server of pages that can be changed; counts requests that are open."""
    state = SimpleNamespace(pages={}, asked=[], open=0, most=0)

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        state.asked.append(name)
        state.open += 1
        state.most = max(state.most, state.open)
        try:
            await asyncio.sleep(0.002)
            page = state.pages[name]
            if page is web.HTTPNotFound:
                raise page
            if page is asyncio.sleep:
                await asyncio.sleep(60)
            if isinstance(page, bytes):
                return web.Response(body=page, content_type="image/png")
            is_html = page.startswith("<")
            type_ = "text/html" if is_html else "text/markdown"
            return web.Response(text=page, content_type=type_)
        finally:
            state.open -= 1

    app = web.Application()
    app.router.add_get("/{name}", answer)
    with serve_in_thread(app) as (state.url, _):
        yield state


def run(folder: Path, *words: str) -> SimpleNamespace:
    result = CliRunner().invoke(
        main, ["sources", "--specs", str(folder), "--delay", "0", *words]
    )
    return SimpleNamespace(
        status=result.exit_code, out=result.stdout, err=result.stderr
    )


def rows(text: str) -> dict[str, dict]:
    found = [json.loads(line) for line in text.splitlines()]
    return {each["source"]: each for each in found}


@pytest.fixture(scope="module")
def checked(server, tmp_path_factory) -> SimpleNamespace:
    """All providers recorded from the same page, and one check of what came since."""
    folder = tmp_path_factory.mktemp("providers")
    names = list(NOW)
    for name in names:
        write_cited_provider(folder, name, f"{server.url}/{name}")
    server.pages = dict.fromkeys(names, GUIDE)
    recorded = run(folder, *names[:-1], "--record")
    server.pages, server.asked = dict(NOW), []
    check = run(folder, *names, "--check", "--json", "--timeout", TIMEOUT)
    text = run(folder, "same", "fact", "gone", "missing", "never", "--check")
    return SimpleNamespace(
        folder=folder, recorded=recorded, check=check, rows=rows(check.out), text=text
    )


def places(row: dict, status: str) -> dict[str, tuple[list[str], list[str]]]:
    return {
        each["place"]: (each["gone"], each["new"])
        for each in row["places"]
        if each["status"] == status
    }


def test_facts_are_recorded_beside_the_providers(checked):
    assert checked.recorded.status == 0, checked.recorded.err
    assert "Recorded: same, 3 of 3 places\n" in checked.recorded.out
    pages = read_fingerprints(checked.folder)
    assert "never" not in pages
    assert {"n", "1", "4", "integer"} <= pages["same"].facts_at("n")
    assert "default=1024x1024" in pages["same"].facts_at("size")
    text = (checked.folder / "fingerprints.yaml").read_text("utf-8")
    assert "Too many requests" not in text


@pytest.mark.parametrize("name", ["same", "prose", "markdown"])
def test_a_page_with_the_same_facts_is_unchanged(checked, name):
    """Also in another form, and in other words."""
    assert checked.rows[name]["status"] == "unchanged"
    assert set(places(checked.rows[name], "unchanged")) == {"n", "size", "errors"}


def test_changed_facts_make_the_claims_of_their_place_doubtful(checked):
    assert checked.check.status == 1
    assert places(checked.rows["fact"], "doubtful") == {"n": (["4"], ["8"])}
    assert set(places(checked.rows["fact"], "unchanged")) == {"size", "errors"}
    ((_, (gone, new)),) = places(checked.rows["field"], "doubtful").items()
    assert gone == []
    assert {"seed", "[1]=seed"} <= set(new)
    (place,) = (e for e in checked.rows["fact"]["places"] if e["place"] == "n")
    assert [each["id"] for each in place["claims"]] == [
        f"createImage/request/n/{each}"
        for each in ("type", "minimum", "maximum", "default")
    ]
    assert place["claims"][2] == {
        "provider": "fact",
        "id": "createImage/request/n/maximum",
        "sentence": "n must be at most 4",
    }


def test_a_place_that_is_gone_makes_its_claims_doubtful(checked):
    (place,) = (e for e in checked.rows["gone"]["places"] if e["place"] == "n")

    assert place["status"] == "doubtful"
    assert place["reason"] == "the place is no longer on the page"
    assert checked.rows["gone"]["status"] == "doubtful"


def test_a_place_that_is_not_found_in_another_form_is_not_checked(checked):
    row = checked.rows["moved"]
    (place,) = (each for each in row["places"] if each["place"] == "errors")

    assert row["status"] == place["status"] == "not checked"
    assert place["reason"] == "recorded as html, came as text: record it again"
    assert set(places(row, "unchanged")) == {"n", "size"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("login", "the page that came is another one"),
        ("script", "it has no text without JavaScript"),
        ("missing", "HTTP status 404"),
        ("picture", "it is image/png, and no text"),
        ("slow", f"no whole response within {TIMEOUT} s"),
    ],
)
def test_a_page_that_cannot_be_read_is_not_checked(checked, name, reason):
    row = checked.rows[name]

    assert row["status"] == "not checked"
    assert row["reason"].startswith(reason)
    assert {each["status"] for each in row["places"]} == {"not checked"}


def test_what_was_never_recorded_is_said_and_not_fetched(checked, server):
    assert checked.rows["never"]["status"] == "not recorded"
    assert "never" not in server.asked
    assert checked.rows["TODO"]["status"] == "no page"


def test_a_host_gets_one_request_at_a_time(checked, server):
    assert len(server.asked) > 10
    assert server.most == 1


def test_the_text_names_claims_reasons_and_what_is_not_recorded(checked):
    lines = checked.text.out.splitlines()

    assert checked.text.status == 1
    assert "Doubtful: fact, fact guide" in lines
    assert "  #n: gone 4; new 8" in lines
    assert "    fact createImage/request/n/maximum: n must be at most 4" in lines
    assert "Not checked: missing, HTTP status 404" in lines
    assert "With places that were not recorded: never" in lines
    assert lines[-1] == (
        "7 places unchanged, 2 doubtful (8 claims), 3 not checked, 3 not recorded."
    )
    assert max(map(len, lines)) <= 100


def test_the_status_says_whether_anything_could_be_checked(checked, server):
    fresh = run(checked.folder, "same", "missing", "never", "--check")
    unread = run(checked.folder, "missing", "never", "--check")
    unrecorded = run(checked.folder, "never", "--check")
    nothing = run(checked.folder, "missing", "--record")

    assert fresh.status == 0, fresh.err
    assert (unread.status, unrecorded.status, nothing.status) == (2, 2, 2)
    assert unread.err == "Error: nothing could be checked: no page could be read\n"
    assert "no fingerprint is recorded, see --record" in unrecorded.err
    assert nothing.err == "Error: no page could be recorded\n"
    assert "Not recorded: missing, HTTP status 404" in nothing.out


def test_saved_pages_are_read_instead_of_the_network(checked, server, tmp_path):
    (tmp_path / "same.html").write_text(FACT)
    asked = len(server.asked)

    result = run(
        checked.folder, "same", "fact", "--check", "--pages", str(tmp_path), "--json"
    )

    assert places(rows(result.out)["same"], "doubtful") == {"n": (["4"], ["8"])}
    assert "has no file fact.html" in rows(result.out)["fact"]["reason"]
    assert len(server.asked) == asked


def test_hints_are_kept_and_find_places(checked, tmp_path):
    write_cited_provider(tmp_path / "providers", "mine", "https://mine.example/guide")
    hints = {"mine": {"places": {"n": {"at": "Anzahl"}}}}
    file = tmp_path / "providers" / "fingerprints.yaml"
    file.write_text(yaml.safe_dump(hints))
    (tmp_path / "mine.html").write_text(GUIDE.replace("<code>n</code>", "Anzahl"))
    words = ("mine", "--pages", str(tmp_path), "--record")

    result = run(tmp_path / "providers", *words)

    assert "Recorded: mine, 3 of 3 places\n" in result.out
    found = yaml.safe_load(file.read_text("utf-8"))["mine"]["places"]["n"]
    assert found["at"] == "Anzahl"
    assert "4" in found["facts"].split()


def test_a_list_shows_each_source_and_its_fingerprint(checked):
    listed = run(checked.folder, "same", "never").out.splitlines()
    verbose = run(checked.folder, "same", "--verbose").out

    (same,) = (each for each in listed if each.startswith("same"))
    (never,) = (each for each in listed if each.startswith("never"))
    assert " 2026-11-01 " in same
    assert " (3 of 3) " in same
    assert same.endswith("  same guide")
    assert "not recorded" in never
    assert listed[-1].startswith("3 sources: 1 recorded, 1 not recorded and 1 without")
    assert "    #n: " in verbose
    assert ", 4 claims\n" in verbose


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--check", "--record"], "give one of --check and --record"),
        (["--pages", "."], "--pages goes with --check or --record"),
        (["--source", "sam"], "--source sam: no claim cites it. Did you mean 'same'?"),
    ],
)
def test_wrong_options_are_errors(checked, words, message):
    result = run(checked.folder, "same", *words)

    assert result.status == 2
    assert message in result.err


def test_a_wrong_file_is_an_error_with_its_place(tmp_path):
    write_cited_provider(tmp_path, "mine", "https://mine.example/guide")
    (tmp_path / "fingerprints.yaml").write_text("mine: {place: {}}")

    result = run(tmp_path, "mine")

    assert result.status == 2
    assert "fingerprints.yaml#/mine/place" in result.err
    assert "Did you mean 'places'?" in result.err


def test_the_fingerprints_that_ship_are_of_places_that_claims_cite():
    recorded = read_fingerprints()
    texts = {
        name: (Path(specs.__file__).parent / name / "openapi.yaml").read_text("utf-8")
        for name in specs.names()
    }
    names = [
        n for n, text in texts.items() if any(f"{id_}#" in text for id_ in recorded)
    ]
    cited = cited_sources(specs.load_all(names))

    for name, page in recorded.items():
        assert name in cited
        assert page.day, name
        assert set(page.places) <= set(cited[name].places), name
