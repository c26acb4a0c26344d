"""The inspector shows the requests of a task together, and what came of it."""

import os
import subprocess

import pytest
from playwright.sync_api import expect
from support.http import KEY, ask, control, eventually
from support.inspector import CONTRAST, RUN_ALL, fits_in_width, meant, newest, rows

import mockserver
import specs

pytestmark = pytest.mark.browser

KLING = "/kling/v1/videos/text2video"
ARK = "/ark/api/v3/contents/generations/tasks"
TASKS = "/llmapi/v1/images/tasks"
VIDEO = {"model_name": "kling-v2-6", "prompt": "A paper boat", "duration": "5"}
# They name a file or a video that only an earlier request makes.
NEEDS_MORE = {"createVideoRemix", "createVideoEdit", "createVideoExtension"}


@pytest.fixture(scope="module")
def server():
    with mockserver.running() as running:
        yield running


@pytest.fixture
def running(server):
    """All mocks, after a reset."""
    server.reset()
    return server


@pytest.fixture
def page(opened, running):
    return opened(running.url)


def get(running, path, **more):
    return ask(f"{running.url}{path}", method="GET", **more)


def video(running, polls=0):
    """A video whose task was read so often, for half a second each."""
    running.freeze("2026-05-04T12:00:00Z")
    id_ = ask(f"{running.url}{KLING}", body=VIDEO).json["data"]["task_id"]
    for _ in range(polls):
        running.advance(0.5)
        answer = get(running, f"{KLING}/{id_}").json
    return (id_, answer) if polls else id_


def test_one_row_has_all_requests_of_a_task(page, running):
    id_, done = video(running, polls=7)
    url = done["data"]["task_result"]["videos"][0]["url"]
    assert ask(url, method="GET", key=None).status == 200

    expect(rows(page)).to_have_count(1)
    row = rows(page).first
    expect(row).to_contain_text("succeed after 3.00 s · 7 polls · 1 download")
    expect(row).to_contain_text("A paper boat")
    expect(row).to_contain_text("0.2100 USD")
    expect(row.locator("img")).to_have_count(1)
    row.click()
    task = page.locator("#d-task")
    expect(task).to_contain_text(id_)
    states = [each.inner_text() for each in task.locator(".states li").all()]
    assert [each.split() for each in states] == [
        ["submitted", "at", "creation"],
        ["processing", "+1.50", "s"],
        ["succeed", "+3.00", "s"],
    ]
    polls = task.get_by_text("7 polls, +500 ms to +3.50 s")
    expect(task.get_by_role("button", name="getTextToVideo")).to_have_count(0)
    polls.click()
    expect(task.get_by_role("button", name="getTextToVideo")).to_have_count(7)
    task.get_by_role("button", name="download").click()
    expect(page.locator("#d-said")).to_contain_text("image downloaded")
    expect(rows(page).first).to_have_attribute("aria-selected", "true")
    page.locator("#d-task button", has_text="createTextToVideo").click()
    expect(page.locator("#d-payload")).to_contain_text("A paper boat")


def test_a_video_is_loaded_when_it_is_played_and_not_in_the_journal(page, running):
    video(running, polls=6)
    loaded = []
    page.on("request", lambda it: loaded.append(it.url) if "/files/" in it.url else 0)
    newest(page, "succeed")

    shown = page.get_by_label("Video 1 of 1")
    assert "pictures/" in shown.get_attribute("poster")
    assert loaded == []
    shown.evaluate("it => { it.muted = true; return it.play() }")
    eventually(lambda: shown.evaluate("it => it.currentTime > 0"))
    facts = shown.evaluate("it => [it.duration, it.videoWidth, it.videoHeight]")
    assert facts == [pytest.approx(5, abs=0.1), 1280, 720]

    assert loaded
    operations = {each["operation"] for each in running.journal()}
    assert operations == {"createTextToVideo", "getTextToVideo"}
    shown.evaluate("it => it.pause()")


def test_an_open_task_shows_what_later_requests_see(page, running):
    id_ = video(running)
    newest(page, "submitted")
    expect(page.locator("#d-result")).to_have_count(0)
    expect(rows(page).locator("img")).to_have_count(0)

    running.advance(2)
    get(running, f"{KLING}/{id_}")
    expect(page.locator(".states")).to_contain_text("processing")
    running.advance(2)
    get(running, f"{KLING}/{id_}")

    expect(page.locator(".states")).to_contain_text("succeed")
    expect(page.locator("#d-result video")).to_have_count(1)
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("after 4.00 s · 2 polls")


def test_a_task_may_fail_be_cancelled_or_be_lost(page, running):
    failed = {**VIDEO, "prompt": "A boat [[mock:task=failed;seconds=0]]"}
    id_ = ask(f"{running.url}{KLING}", body=failed).json["data"]["task_id"]
    get(running, f"{KLING}/{id_}")
    body = specs.load("ark").operations["createVideo"].bodies["application/json"]
    asked = next(iter(body.examples.values()))
    other = ask(f"{running.url}{ARK}", body=asked).json["id"]
    ask(f"{running.url}{ARK}/{other}", method="DELETE")
    ask(f"{running.url}{KLING}", body=VIDEO, X_Mock_Fault="html;status=524")

    expect(rows(page)).to_have_count(3)
    expect(rows(page).nth(2).locator(".tag.bad")).to_have_text("failed")
    expect(rows(page).nth(1).locator(".tag.warn")).to_have_text("cancelled")
    expect(rows(page).nth(1)).to_contain_text("1 cancellation")
    expect(rows(page).first).to_contain_text("524, 1 video, 1 undelivered")
    expect(page.locator("#totals")).to_contain_text("2 videos · 1 undelivered")
    rows(page).first.click()
    expect(page.locator("#detail")).to_contain_text("Undelivered1, billed")


def test_images_of_a_task_are_shown_once_it_has_succeeded(page, running):
    body = {"prompt": "A lighthouse", "n": 2}
    id_ = ask(f"{running.url}{TASKS}", body=body).json["task_id"]
    expect(rows(page).first).to_contain_text("queued")
    expect(rows(page).locator("i")).to_have_count(0)

    running.advance(60)
    get(running, f"{TASKS}/{id_}")

    newest(page, "succeeded")
    for number in (1, 2):
        image = page.get_by_alt_text(f"Image {number} of 2")
        image.scroll_into_view_if_needed()
        eventually(lambda image=image: image.evaluate("it => it.naturalWidth"))


def test_filters_find_a_task_by_any_of_its_requests(page, running):
    id_, _ = video(running, polls=2)
    get(running, f"{KLING}/{id_}", X_Mock_Error="server_error")
    video(running)
    expect(rows(page)).to_have_count(2)

    page.get_by_label("Search the requests").fill(id_)
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#tally")).to_have_text("1 of 2")
    page.get_by_label("Search the requests").fill("")
    page.reload()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).nth(1)).to_contain_text("3 polls")
    found = control(running, f"/journal?task={id_}").json["entries"]
    assert len(found) == 3
    assert {each["task"]["id"] for each in found} == {id_}


def test_each_example_request_can_be_sent_as_shown(page, running):
    expect(page.locator("#first")).not_to_be_empty()
    shown = page.locator("#e-operation")
    values = shown.locator("option").evaluate_all("all => all.map(it => it.value)")
    expected = {
        f"{each['id']} {name}"
        for each in control(running, "/providers").json["providers"]
        for name in each["examples"]
    }
    assert set(values) == expected
    commands = {}
    for value in values:
        shown.select_option(value)
        commands[value] = page.locator("#first").inner_text()

    for value, command in commands.items():
        subprocess.run(["bash", "-c", f"{command} -sg"], check=True, timeout=30)

        provider, operation = value.split()
        entry = running.journal()[-1]
        assert (entry["provider"], entry["operation"]) == (provider, operation)
        is_known = operation in NEEDS_MORE or 200 <= entry["status"] < 300
        assert is_known, (value, entry["decision"])


@pytest.mark.parametrize("way", ["curl", "python"])
def test_a_copied_request_about_a_task_is_the_same_request(
    page, running, tmp_path, way
):
    """Paths with parameters, other servers, and keys in another header."""
    found = control(running, "/providers").json["providers"]
    veo = next(each for each in found if each["id"] == "veo")
    key = {"key": None, "X_Goog_Api_Key": "secret-0123456789"}
    for example in veo["examples"].values():
        ask(f"{running.url}{example['path']}", body=example["body"], **key)
    id_ = ask(f"{running.url}{KLING}", body=VIDEO).json["data"]["task_id"]
    get(running, f"{KLING}/{id_}")
    seedance = next(each for each in found if each["id"] == "tikhub")["examples"]
    example = seedance["createSeedanceVideo"]
    ask(f"{running.url}{example['path']}", body=example["body"])
    ask(f"{running.url}{ARK}/none-such", method="DELETE")
    before = running.journal()
    expect(rows(page)).to_have_count(len(before) - 1)

    for entry in before:
        page.goto(f"{page.url.partition('#')[0]}#id={entry['id']}")
        expect(page.locator("#d-title")).to_have_text(f"Request {entry['id']}")
        text = page.locator(f"#d-{way}").inner_text()
        (tmp_path / f"{entry['id']:09}.{way}").write_text(text, encoding="utf-8")
    done = subprocess.run(
        RUN_ALL[way],
        cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": KEY},
        capture_output=True,
        timeout=60,
        check=False,
    )

    after = running.journal()[len(before) :]
    expected = [{**meant(each), "key": None} for each in before]
    assert [{**meant(each), "key": None} for each in after] == expected, done


@pytest.mark.parametrize("width", [360, 1280])
def test_a_task_fits_on_the_screen_and_can_be_read(opened, running, width):
    video(running, polls=7)
    page = opened(running.url, width=width)
    page.emulate_media(reduced_motion="reduce")
    rows(page).first.click()
    page.locator("#d-task summary").click()

    assert fits_in_width(page)
    detail = page.locator("#detail")
    assert detail.evaluate("it => it.scrollWidth <= it.clientWidth")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == []


def test_a_file_can_be_read_in_parts(running):
    video(running, polls=6)
    path = f"/__mock__/files/{running.journal()[0]['request_id']}"

    whole = get(running, f"{path}/0", key=None)
    part = get(running, f"{path}/0", key=None, Range="bytes=4-7")

    assert (whole.status, whole.headers["Content-Type"]) == (200, "video/mp4")
    assert (part.status, part.body) == (206, b"ftyp")
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(whole.body)}"
    beyond = f"bytes={len(whole.body)}-"
    assert get(running, f"{path}/0", key=None, Range=beyond).status == 416
    assert get(running, f"{path}/1", key=None).status == 404
    assert get(running, f"{path}/x", key=None).status == 404
