"""The inspector at /__mock__/ in a real browser."""

import http.client
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.http import (
    FORM,
    JSON,
    ask,
    edit,
    eventually,
    form,
    generation,
    picture,
    url_of,
)
from support.inspector import CONTRAST, ROW, RUN_ALL, fits_in_width, meant, newest, rows
from support.processes import gateway_in
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.settings import Settings

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
PAGE = Path(mockserver.__file__).with_name("control") / "inspector.html"
X = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def server():
    with mockserver.running() as running:
        yield running


@pytest.fixture
def running(server):
    """All mocks, after a reset."""
    ask(f"{server.url}/__mock__/reset", key=None)
    return server


@pytest.fixture
def page(opened, running):
    return opened(running.url)


def control(running, path):
    return ask(f"{running.url}/__mock__{path}", method="GET", key=None).json


def sent(running, name="openai", operation="createImage", **more):
    """Send a request to a provider, with the arguments of `ask`."""
    provider = specs.load(name)
    more.setdefault("body", generation(provider))
    return ask(url_of(running, provider, operation), **more)


def prompt(running, text, name="openai", **more):
    body = generation(specs.load(name), prompt=text, **more)
    return sent(running, name, body=body)


def test_requests_appear_as_they_come(page, running):
    expect(page.locator("#blank")).to_contain_text("No requests yet")
    for name in IMAGE_PROVIDERS:
        prompt(running, f"A boat for {name}", name)

    expect(rows(page)).to_have_count(len(IMAGE_PROVIDERS))
    for row, name in zip(rows(page).all(), reversed(IMAGE_PROVIDERS), strict=True):
        expect(row).to_contain_text(specs.load(name).title)
        expect(row).to_contain_text(f"A boat for {name}")
        expect(row).to_contain_text("valid → 200, 1 image")
    expect(page.locator("#totals")).to_contain_text("5 requests · 5 images · at least")


def test_the_first_request_can_be_sent_as_the_empty_page_says(page, running):
    command = page.locator("#first").inner_text()

    subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=30)

    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("valid → 200, 1 image")


def test_a_flood_is_painted_in_few_steps_and_kept_within_bounds(page, running):
    page.evaluate(
        "window.steps = []; new MutationObserver(all => all.some(it => "
        "it.addedNodes.length) && window.steps.push(document.timeline.currentTime))"
        ".observe(document.getElementById('list'), {childList: true})"
    )
    address = running.url.removeprefix("http://")

    def some(_):
        connection = http.client.HTTPConnection(address, timeout=30)
        for _ in range(125):
            connection.request("POST", "/openai/v1/nothing", body=b"{}")
            connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))

    expect(page.locator("#totals")).to_contain_text("1,000 requests")
    last = control(running, "/journal?limit=1")["entries"][0]["id"]
    expect(rows(page).first).to_have_id(f"r{last}")
    expect(rows(page)).to_have_count(500)
    steps = page.evaluate("window.steps")
    # Every hundred milliseconds, but for late frames: never one for each request.
    assert len(steps) <= 2 + 1.5 * (steps[-1] - steps[0]) / 100


def test_filters_narrow_the_list_and_stay_in_the_address(page, running):
    prompt(running, "A red fox")
    prompt(running, "A blue fox", n=99)
    sent(running, "tikhub", key="k-mock-server_error")
    sent(running, "tokenhub", X_Mock_Namespace="till")

    expect(rows(page)).to_have_count(4)
    for status, count in {"2xx": 2, "4xx": 1, "5xx": 1, "All": 4}.items():
        page.get_by_role("radio", name=status).check()
        expect(rows(page)).to_have_count(count)
    page.get_by_label("Search the requests").fill("fox blue")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#tally")).to_have_text("1 of 4")
    page.get_by_label("Search the requests").fill("")
    page.locator("#f-namespace").select_option("till")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("TokenHub")
    page.locator("#f-namespace").select_option("")
    page.locator("#f-provider").select_option("openai")
    page.get_by_role("radio", name="4xx").check()
    expect(rows(page)).to_have_count(1)

    assert page.url.partition("#")[2] == "status=4&provider=openai"
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#f-provider")).to_have_value("openai")
    prompt(running, "Let in", n=98)
    prompt(running, "Kept out")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("radio", name="5xx").check()
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(6)


def test_a_refusal_is_told_with_its_rules_and_their_sources(page, running):
    prompt(running, "Far too many", "tokenhub", n=99, size="10x10")
    entry = control(running, "/journal")["entries"][0]

    newest(page, "rejected: n:")

    detail = page.locator("#detail")
    assert len(entry["decision"]["violations"]) == 2
    for violation in entry["decision"]["violations"]:
        card = detail.locator(".broken", has_text=violation["says"])
        for name in ("param", "claim", "source", "basis"):
            expect(card).to_contain_text(violation[name])
    expect(detail.locator(".broken").first).to_contain_text("maximum: 10")
    shown = page.locator("#d-payload").evaluate("it => it.textContent")
    assert json.loads(shown) == entry["payload"]


def test_requests_beside_the_document_are_shown(page, running):
    """Unknown paths, downloads, responses of the script, fields without effect."""
    openai = specs.load("openai")
    ask(f"{running.url}/v1/images/generations", body={})
    expect(rows(page).first).to_contain_text("No provider")
    expect(rows(page).first).to_contain_text("did you mean")
    ask(f"{running.url}/_images/openai/x.png", method="GET", key=None)
    expect(rows(page).first).to_contain_text("No such image")
    running.script({"status": 524, "body": "<h1>Timeout</h1>"}, "openai")
    ask(url_of(running, openai), body=generation(openai))
    expect(rows(page).first).to_contain_text("524; not from the document")
    tokenhub = specs.load("tokenhub")
    ask(url_of(running, tokenhub), body=generation(tokenhub, promt="x"))
    expect(rows(page).first).to_contain_text("ignored: promt")


def test_a_source_is_a_link_to_its_page(page, running):
    prompt(running, "Far too many", "tokenhub", n=99)
    violation = control(running, "/journal")["entries"][0]["decision"]["violations"][0]

    newest(page, "rejected: n:")

    link = page.locator("#detail .broken a").first
    source = specs.load("tokenhub").source(violation["source"])
    expect(link).to_have_text(violation["source"])
    expect(link).to_have_attribute("href", source.url)
    expect(link).to_have_attribute("title", source.title)
    expect(link).to_have_attribute("rel", "noreferrer")


@pytest.mark.parametrize("url", ["", "javascript:window.pwned=1", "ftp://a.example"])
def test_a_source_without_a_web_page_is_no_link(opened, tmp_path, url):
    folder = gateway_in(tmp_path)
    (tmp_path / "sources.yaml").write_text(f"S4: {{title: Notes, url: '{url}'}}")
    with mockserver.running(specs.load("gateway", tmp_path)) as running:
        page = opened(running.url)
        body = generation(specs.load(folder.name, tmp_path), n=99)
        ask(f"{running.base_urls['gateway']}/images/generations", body=body)

        newest(page, "rejected: n:")

        expect(page.locator("#detail .broken").first).to_contain_text("S4#")
        expect(page.locator("#detail .broken a")).to_have_count(0)
        page.goto("about:blank")  # before its server goes


def test_the_next_response_is_preset_to_the_provider_seen_last(opened, running):
    prompt(running, "First", "tokenhub")
    page = opened(running.url)
    preset = page.locator("#s-provider")
    expect(preset).to_have_value("tokenhub")
    prompt(running, "Second", "openai")
    expect(preset).to_have_value("openai")

    page.get_by_role("button", name="server_error").click()
    expect(page.locator("#say")).to_contain_text("The next response of OpenAI")

    assert sent(running, "openai").status == 500


def test_the_provider_of_the_form_stays_once_the_form_is_used(page, running):
    page.locator("#s-provider").select_option("tikhub")
    prompt(running, "After the choice", "tokenhub")
    expect(rows(page)).to_have_count(1)

    expect(page.locator("#s-provider")).to_have_value("tikhub")


def test_pictures_that_came_and_went_are_shown(page, running):
    upload = picture(96, 48, colour="teal")
    sent(
        running,
        operation="createImageEdit",
        **edit(specs.load("openai"), FORM, upload, prompt="With a moon"),
    )

    newest(page, "With a moon")

    drawn = "all => all.map(each => each.naturalWidth)"
    for name, width in {"Image 1 of 1": 320, "Upload 1 of 1": 96}.items():
        image = page.get_by_alt_text(name)
        image.scroll_into_view_if_needed()
        eventually(lambda image=image: image.evaluate("it => it.complete"))
        assert image.evaluate_all(drawn) == [width]
    expect(page.locator("figcaption").last).to_contain_text(f"96{X}48 png")
    expect(rows(page).locator("img")).to_have_count(2)


def test_what_is_copied_is_what_is_shown(page, running):
    prompt(running, "To be copied")
    newest(page, "To be copied")

    for name, shown in {"curl": "#d-curl", "Python": "#d-python"}.items():
        page.get_by_role("button", name=f"Copy as {name}").click()
        expect(page.locator("#say")).to_have_text(f"{name} copied.")
        text = page.evaluate("navigator.clipboard.readText()")
        assert text == page.locator(shown).inner_text()
    page.get_by_role("button", name="Copy the base URL of TokenHub").click()
    expect(page.locator("#say")).to_have_text("Base URL copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == running.base_urls["tokenhub"]


AWKWARD = "It's \"$HOME\" `id` \\n\n\t@file <b> \N{FROG FACE} '; exit 9"
OPENAI = specs.load("openai")
FILES = {
    "image.png": picture(32, 32),
    "image-2.png": picture(48, 48),
    "mask.png": picture(32, 32, mode="RGBA"),
}
SHAPES = [
    {"body": generation(OPENAI, prompt=AWKWARD, n=2, user="u")},
    {"body": generation(OPENAI, stream=True, partial_images=1)},
    {
        "operation": "createImageEdit",
        **form(
            ("model", OPENAI.dialect.model),
            ("prompt", AWKWARD),
            ("n", 2),
            ("image[]", FILES["image.png"]),
            ("image[]", FILES["image-2.png"]),
            ("mask", FILES["mask.png"]),
        ),
    },
    {"operation": "createImageEdit", **form(("image", FILES["image.png"]))},
    {
        "operation": "createImageEdit",
        "body": generation(OPENAI, images=[{"image_url": "https://x.example/a.png"}]),
    },
    {"body": generation(OPENAI, n="two", user=None, odd=[True, {}])},
    {"key": "sk-1-mock-rate_limited"},
    {"X_Mock_Error": "server_error", "X_Mock_Namespace": "x"},
    {"X_Mock_Fault": "both-deliveries"},
    {"key": None},
    {"method": "GET"},
]


@pytest.mark.parametrize("way", ["curl", "python"])
def test_a_copied_request_is_the_same_request(page, running, tmp_path, way):
    for shape in SHAPES:
        sent(running, **shape)
    for name, file in FILES.items():
        (tmp_path / name).write_bytes(file)
    expect(rows(page)).to_have_count(len(SHAPES))
    before = control(running, "/journal")["entries"]

    for entry in before:
        page.locator(f"#r{entry['id']}").click()
        text = page.locator(f"#d-{way}").inner_text()
        (tmp_path / f"{entry['id']:09}.{way}").write_text(text, encoding="utf-8")
    done = subprocess.run(
        RUN_ALL[way],
        cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": "sk-any"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    after = control(running, "/journal")["entries"][len(before) :]
    assert [meant(each) for each in after] == [meant(each) for each in before], done


def test_a_set_answer_is_what_the_next_requests_get(page, running):
    page.locator("#s-provider").select_option("tokenhub")
    page.locator("#s-what").select_option(label="rate_limited")
    page.get_by_label("Times").fill("2")
    page.get_by_role("button", name="Set the next response").click()
    expect(page.locator("#queue")).to_have_text(f"2 {X}rate_limited")

    statuses = [sent(running, name).status for name in ("openai", *["tokenhub"] * 3)]

    assert statuses == [200, 429, 429, 200]
    expect(rows(page)).to_have_count(4)
    expect(rows(page).nth(1)).to_contain_text("triggered by script: rate_limited")
    expect(page.locator("#queue")).to_be_hidden()


def test_faults_and_delays_are_a_click_away(page, running):
    page.locator("#s-provider").select_option("openai")
    quick = page.get_by_role("group", name="Next response, in one click")
    quick.get_by_role("button", name="reset").click()
    expect(page.locator("#queue")).to_have_text(f"1 {X}reset")

    with pytest.raises(ConnectionResetError):
        sent(running)

    expect(rows(page).first).to_contain_text("fault by script: reset")
    page.locator("#s-what").select_option(label="As documented, but delayed")
    page.get_by_role("button", name="Set the next response").click()
    expect(page.locator("#say")).to_have_text("Choose an error, a fault or a delay.")
    page.get_by_label("Delay, ms").fill("30")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Operation").select_option("createImage")
    page.locator("#s-namespace").fill("mine")
    page.get_by_role("button", name="Set the next response").click()
    expect(page.locator("#queue")).to_have_text(f"1 {X}after 0.03 s for createImage")
    sent(running, X_Mock_Namespace="mine")
    expect(rows(page).first).to_contain_text("delayed by 30 ms")


def test_a_refused_control_says_why(page):
    page.get_by_label("Times").fill("10001")
    page.evaluate("document.getElementById('script').noValidate = true")

    page.get_by_role("button", name="Set the next response").click()

    expect(page.locator("#say")).to_contain_text("times takes 1 to 10000")


def test_moving_the_clock_on_ends_the_life_of_an_address(page, running):
    answer = prompt(running, "Soon gone", "aihubmix", model="dall-e-3").json
    url = answer["data"][0]["url"]
    assert ask(url, method="GET", key=None).status == 200

    page.get_by_role("button", name="Advance the clock by 1 hour").click()
    expect(page.locator("#drift")).to_contain_text("1 h ahead")

    assert ask(url, method="GET", key=None).status == 403
    page.get_by_role("button", name="Freeze").click()
    expect(page.locator("#drift")).to_contain_text("frozen")
    page.get_by_role("button", name="Advance the clock by 1 day").click()
    expect(page.locator("#say")).to_contain_text("+1 day")
    frozen = control(running, "/clock")
    assert (frozen["frozen"], control(running, "/clock")) == (True, frozen)
    page.get_by_role("button", name="Release").click()
    expect(page.locator("#drift")).to_be_empty()
    assert not control(running, "/clock")["frozen"]


def test_a_reset_empties_the_page_and_the_server(page, running):
    sent(running)
    sent(running)
    newest(page, "A paper boat")

    page.get_by_role("button", name="Reset…").first.click()
    page.get_by_role("button", name="Cancel").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Reset…").first.click()
    page.get_by_role("button", name="Clear the list only").click()
    expect(rows(page)).to_have_count(0)
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#totals")).to_contain_text("2 requests")
    page.get_by_role("button", name="Reset…").first.click()
    page.get_by_role("button", name="Reset", exact=True).click()

    expect(page.locator("#totals")).to_contain_text("0 requests")
    expect(page.locator("#blank")).to_contain_text("No requests yet")
    assert control(running, "/journal")["entries"] == []


def test_a_list_that_someone_else_emptied_is_emptied_here_too(page, running):
    sent(running)
    expect(rows(page)).to_have_count(1)
    ask(f"{running.url}/__mock__/reset", key=None)

    expect(rows(page)).to_have_count(0, timeout=15_000)
    sent(running)
    expect(rows(page)).to_have_count(1)


def test_whatever_was_sent_stays_text(page, running):
    prompt(running, HOSTILE)
    prompt(running, "x", **{HOSTILE: {HOSTILE: [HOSTILE]}})
    prompt(running, "x", size=HOSTILE)
    sent(running, X_Mock_Error=HOSTILE, User_Agent=HOSTILE)
    sent(running, body=HOSTILE)
    ask(f"{running.base_urls['openai']}/%3Cimg%20src=x%20onerror=pwned=1%3E", body={})
    fields = form(("prompt", HOSTILE), (HOSTILE.replace('"', ""), picture()))
    sent(running, operation="createImageEdit", **fields)

    expect(rows(page)).to_have_count(7)
    for row in rows(page).all():
        row.click()
        expect(page.locator("#d-said")).not_to_be_empty()
        strange = page.locator("img[src=x], #list script, #detail script, b b")
        expect(strange).to_have_count(0)
    expect(page.locator("#list")).to_contain_text(HOSTILE)
    page.goto(f"{page.url.partition('#')[0]}#q={HOSTILE}&namespace={HOSTILE}&id=x")
    page.reload()
    expect(page.locator("#link")).to_have_text("Live")
    assert page.evaluate("window.pwned") is None


def test_everything_can_be_reached_by_keys_alone(page, running):
    for name in ("ash", "elm", "oak"):
        prompt(running, f"An {name}")
    expect(rows(page)).to_have_count(3)
    press = page.keyboard.press
    chosen = page.locator(f"{ROW}[aria-selected=true]")

    press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    press("Enter")
    expect(page.locator("#list")).to_be_focused()
    press("j")
    expect(chosen).to_contain_text("An oak")
    press("ArrowDown")
    press("j")
    press("j")
    expect(chosen).to_contain_text("An ash")
    press("k")
    expect(chosen).to_contain_text("An elm")
    pointed = page.locator("#list").get_attribute("aria-activedescendant")
    assert pointed == chosen.get_attribute("id")
    press("Enter")
    expect(page.locator("#d-title")).to_be_focused()
    expect(page.locator("#d-payload")).to_contain_text("An elm")
    press("j")
    expect(page.locator("#d-payload")).to_contain_text("An ash")
    press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#list")).to_be_focused()

    press("/")
    page.keyboard.type("jk p")
    expect(page.locator("#f-text")).to_have_value("jk p")
    page.locator("#f-text").fill("oak an")
    press("Enter")
    expect(page.locator("#list")).to_be_focused()
    press("Enter")
    expect(page.locator("#d-payload")).to_contain_text("An oak")
    press("Escape")

    press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press("p")
    expect(page.locator("#link")).to_have_text("Paused")


def test_every_control_has_a_name_and_a_visible_focus(page, running):
    prompt(running, "One")
    newest(page, "One")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Search the requests").focus()

    nameless = page.locator("button, input, select, [tabindex='0'], img").evaluate_all(
        "all => all.filter(it => it.checkVisibility() && !(it.ariaLabel || it.alt ||"
        " it.textContent.trim() || it.labels?.length || it.closest('[aria-hidden]')))"
        ".map(it => it.outerHTML)"
    )

    assert nameless == []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "(() => { const it = document.activeElement; if (it === document.body)"
            " return true; const on = it.type === 'radio' ? it.parentElement :"
            " it.id === 'list' ? it.querySelector('[aria-selected=true]') : it;"
            " return getComputedStyle(on).outlineStyle !== 'none' || it.outerHTML })()"
        )
        assert seen is True


def test_a_pause_holds_new_requests_back(page, running):
    sent(running)
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#link")).to_have_text("Paused")
    sent(running)
    sent(running)

    resume = page.get_by_role("button", name="Resume (2 new)")
    expect(resume).to_be_visible()
    expect(rows(page)).to_have_count(1)
    resume.click()

    expect(rows(page)).to_have_count(3)
    expect(page.locator("#link")).to_have_text("Live")


def test_a_request_has_an_address_of_its_own(opened, page, running):
    prompt(running, "The first")
    prompt(running, "The second")
    id = control(running, "/journal")["entries"][0]["id"]

    other = opened(running.url, f"/__mock__/#id={id}")

    expect(other.locator("#d-payload")).to_contain_text("The first")
    newest(page, "The second")
    assert page.url.endswith(f"#id={id + 1}")
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    missing = opened(running.url, "/__mock__/#id=999999")
    expect(missing.locator("#say")).to_contain_text("Request 999999 is not in the")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(opened, running, width):
    prompt(running, "A word " + "W" * 250, size="x" * 250)
    sent(running, User_Agent="U" * 180, X_Mock_Namespace="n" * 64)
    ask(f"{running.base_urls['openai']}/{'p' * 300}", body={})
    sent(
        running,
        operation="createImageEdit",
        **form(*generation(OPENAI).items(), *[("image[]", picture())] * 9),
    )
    page = opened(running.url, width=width)

    expect(rows(page)).to_have_count(4)
    assert fits_in_width(page)
    for row in rows(page).all():
        row.click()
        expect(page.locator("#d-said")).to_be_visible()
        assert fits_in_width(page)
        detail = page.locator("#detail")
        assert detail.evaluate("it => it.scrollWidth <= it.clientWidth")
        page.keyboard.press("Escape")
    if width < 1000:
        page.get_by_role("button", name="Controls").click()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Retry-After, s")).to_be_visible()
    assert fits_in_width(page)


def test_on_a_phone_a_request_covers_the_list(opened, running):
    prompt(running, "On a phone")
    page = opened(running.url, width=390)

    rows(page).first.tap()

    expect(page.locator("#d-title")).to_be_visible()
    assert page.locator("#work").evaluate("it => it.inert")
    box = page.locator("#detail").bounding_box()
    assert (box["x"], box["width"], box["height"]) == (0, 390, 800)
    page.get_by_role("button", name="Close the request").tap()
    expect(page.locator("#detail")).to_be_hidden()
    assert not page.locator("#work").evaluate("it => it.inert")


def test_every_text_can_be_read_by_day_and_by_night(page, running):
    page.emulate_media(reduced_motion="reduce")
    prompt(running, "Good")
    sent(running, key="k-mock-server_error")
    prompt(running, "Bad", n=99)
    newest(page, "Bad")

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", ground)[0]) < 128) == (scheme == "dark")
        assert page.evaluate(CONTRAST) == []


def test_nothing_moves_for_those_who_want_it_still(page, running):
    style = "it => getComputedStyle(it).animationName"
    sent(running)
    expect(rows(page)).to_have_count(1)
    assert rows(page).first.evaluate(style) == "new"

    page.emulate_media(reduced_motion="reduce")

    assert rows(page).first.evaluate(style) == "none"


@contextmanager
def serving(port=0):
    """A mock in its own process, which can be stopped."""
    command = [sys.executable, "-m", "mockserver", "serve", "tokenhub", "--json"]
    with subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def test_the_page_finds_a_server_that_was_started_anew(opened):
    def ask_it(url, prompt):
        body = generation(specs.load("tokenhub"), prompt=prompt)
        ask(f"{url}/tokenhub/api/v1/images/generations", body=body)

    with serving() as url:
        for number in range(3):
            ask_it(url, f"Number {number}")
        page = opened(url)
        expect(rows(page)).to_have_count(3)
    expect(page.locator("#link")).to_have_text("Reconnecting…")
    expect(rows(page)).to_have_count(3)

    with serving(int(url.rpartition(":")[2])) as url:
        ask_it(url, "Born anew")
        expect(page.locator("#link")).to_have_text("Live", timeout=15_000)
        expect(rows(page)).to_have_count(1)
        ask_it(url, "And more")
        expect(rows(page).first).to_contain_text("And more")
        expect(rows(page)).to_have_count(2)


def test_a_token_opens_the_page_and_leaves_the_address(opened):
    token = "a/b+c=d e&f"
    with mockserver.running("openai", settings=Settings(token=token)) as running:
        assert ask(f"{running.url}/__mock__/journal", method="GET").status == 401
        page = opened(running.url, "/__mock__/?token=a%2Fb%2Bc%3Dd%20e%26f")
        assert "token" not in page.url

        prompt(running, "Behind a door")
        newest(page, "Behind a door")
        expect(rows(page).locator("img")).to_have_count(1)
        image = page.get_by_alt_text("Image 1 of 1")
        eventually(lambda: image.evaluate("it => it.naturalWidth") == 320)
        page.get_by_role("button", name="server_error").click()
        expect(page.locator("#queue")).to_have_text(f"1 {X}server_error")
        assert sent(running).status == 500
        page.goto("about:blank")  # before its server goes


def test_the_page_is_one_small_file_that_asks_for_nothing(running):
    answer = ask(f"{running.url}/__mock__/", method="GET", key=None)

    text = answer.body.decode()
    assert text == PAGE.read_text(encoding="utf-8")
    # Beyond 64 KiB since it groups the requests of tasks and plays videos.
    assert len(answer.body) <= 72 * 1024
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    addresses = set(re.findall(r"https?://[^\"'\s)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write", text)


def test_every_error_and_every_fault_can_be_chosen(page, running):
    known = control(running, "/providers")["providers"]
    faults = {each["name"] for each in control(running, "/faults")["faults"]}
    for entry in known:
        page.locator("#s-provider").select_option(entry["id"])
        values = page.locator("#s-what option").evaluate_all(
            "all => all.map(it => it.value)"
        )
        errors = {name for names in entry["errors"].values() for name in names}
        expected = {f"error:{it}" for it in errors} | {f"fault:{it}" for it in faults}
        assert set(values) == {"", *expected}


def test_the_journal_is_read_as_it_is_written(page, running):
    """The page shows any JSON value of the journal unchanged."""
    for text in ("\x00\x1b\u2028", "\N{FROG FACE}", "{{7*7}} ${7*7}", "a" * 5000):
        prompt(running, text)
    sent(running, body="[1", Content_Type=JSON)

    expect(rows(page)).to_have_count(5)
    entries = control(running, "/journal")["entries"]
    for entry in entries:
        page.locator(f"#r{entry['id']}").click()
        if entry["payload"] is None:
            expect(page.locator("#d-payload")).to_have_count(0)
            continue
        shown = page.locator("#d-payload").evaluate("it => it.textContent")
        assert json.loads(shown) == entry["payload"]
