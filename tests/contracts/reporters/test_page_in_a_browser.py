"""The page in a real browser."""

import re
from dataclasses import replace

import pytest
from faulty_servers.catalogue import FaultyServer
from playwright.sync_api import expect
from support.browser import FAINT, STUMBLES, chromium, fits_in_width
from support.providers import ALL_IMAGE_PROVIDERS, IMAGE_PROVIDERS

import contracts
import specs
from contracts.compare import compare
from contracts.report.model import Report
from contracts.reporters.page.render import page as made

pytestmark = pytest.mark.browser

FEATURES = "tab=differences"
ONLY = ("createImage/request/size", "createImage/request/n/")
SIZE = "createImage/request/size"


OPEN_ALL = "all => all.forEach(it => { it.open = true })"


@pytest.fixture(scope="module")
def report():
    """The report of a server that ignores size, and of a correct one."""
    with FaultyServer("openai", "createImage/size-ignored").serving() as url:
        faulty = contracts.run("openai", against=url, key="it", only=ONLY, fuzz=False)
    right = contracts.run("tokenhub", only=ONLY, fuzz=False)
    targets = (*faulty.metadata.targets, *right.metadata.targets)
    metadata = replace(faulty.metadata, targets=targets)
    return Report(metadata, (*faulty.outcomes, *right.outcomes))


@pytest.fixture(scope="module")
def compared(report):
    """A comparison of few providers: their number changes nothing in the page."""
    return compare([specs.load(name) for name in IMAGE_PROVIDERS], [report])


@pytest.fixture(scope="module")
def file(report, compared, tmp_path_factory):
    older = replace(report, outcomes=report.outcomes[:9])
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(made(compared, report, [older]), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(browser):
    """One tab for all tests: a new one takes longer than a test."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def opened(tab, file):
    """Open the page at a fragment; check that it loads nothing and has no errors."""
    asked, mishaps = [], []

    def seen(request):
        asked.append(request.url)

    def told(message):
        mishaps.append(message.text)

    def failed(error):
        mishaps.append(str(error))

    tab.on("request", seen)
    tab.on("console", told)
    tab.on("pageerror", failed)

    def opened(hash_="", width=1280):
        tab.goto("about:blank")
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto(f"{file.as_uri()}{'#' * bool(hash_)}{hash_}")
        return tab

    yield opened
    tab.emulate_media(color_scheme="light", media="screen")
    tab.remove_listener("request", seen)
    tab.remove_listener("console", told)
    tab.remove_listener("pageerror", failed)
    assert {each for each in asked if not each.startswith(("data:", "about:"))} == {
        file.as_uri()
    }
    assert mishaps == []


def shown(page, kind="cell"):
    """The ids of the features that pass the filter, or of the claims that are shown."""
    return page.locator(f"tr.r[data-kind={kind}]:not([hidden])").evaluate_all(
        "all => all.map(it => it.dataset.id)"
    )


def heads(page):
    """The names at the head of the visible columns."""
    texts = page.locator(".features").first.locator("thead th:visible")
    return [each.split("\n")[0] for each in texts.all_inner_texts()]


def choice(page, name):
    return page.get_by_role("combobox", name=name, exact=True)


def hash_of(page):
    return page.evaluate("location.hash")


def cell(page, id_, column):
    index = heads(page).index(column)
    return page.locator(f'tr.r[data-kind=cell][data-id="{id_}"]').locator(
        f"td:nth-child({index + 1}) a"
    )


def test_a_filter_is_in_the_url_and_back_removes_it(opened, compared):
    page = opened(FEATURES)
    everything = shown(page)
    total, differing = len(compared.rows), len(compared.differing_rows)
    expect(page.get_by_role("status").first).to_have_text(
        f"{total} features, {differing} differ"
    )

    choice(page, "with").select_option(label="TokenHub")
    assert hash_of(page) == f"#{FEATURES}&differs=tokenhub"
    some = shown(page)
    assert 0 < len(some) < len(everything)
    page.get_by_label("Text").fill("size")
    assert hash_of(page) == f"#{FEATURES}&q=size&differs=tokenhub"
    assert set(shown(page)) < set(some)
    expect(page.get_by_role("status").first).to_have_text(
        f"{len(shown(page))} of {len(everything)} features"
    )
    page.go_back()
    assert hash_of(page) == f"#{FEATURES}&differs=tokenhub"
    assert shown(page) == some
    expect(page.get_by_label("Text")).to_have_value("")
    page.go_back()
    assert shown(page) == everything
    page.go_forward()
    assert shown(page) == some
    page.get_by_role("button", name="Show all").click()
    assert (shown(page), hash_of(page)) == (everything, f"#{FEATURES}")


def test_a_url_sets_the_filters(opened):
    page = opened(f"q=size&differs=openai&part={SIZE.rpartition('/')[0]}")

    assert shown(page) == [SIZE]
    expect(choice(page, "Compare")).to_have_value("")
    expect(choice(page, "with")).to_have_value("openai")
    expect(page.locator(".features").first).to_be_in_viewport()
    page.get_by_role("tab", name="Claims").click()
    assert {each.split("/")[1] for each in shown(page, "claim")} == {"request"}


def test_letters_are_relative_to_the_chosen_provider(opened):
    page = opened("differs=tokenhub")

    letters = page.locator(f'tr[data-id="{SIZE}"] .lt').all_inner_texts()
    assert letters[heads(page).index("TokenHub") - 1] == "a"
    assert len(set(letters)) > 1


def test_a_pair_has_two_columns_in_the_chosen_order_and_no_letters(opened):
    page = opened("pair=tokenhub,openai")  # as in links of earlier pages

    assert heads(page) == ["Feature", "TokenHub", "OpenAI"]
    assert SIZE in shown(page)
    assert page.locator(".features .lt:visible").count() == 0
    row = page.locator(f'tr.r[data-kind=cell][data-id="{SIZE}"]')
    expect(row.locator("td")).to_have_count(2)
    expect(row.locator("td").nth(1).locator(".rule.changed").first).to_contain_text(
        "gpt-image"
    )
    row.locator("td a").first.click()
    assert hash_of(page).endswith("@tokenhub")


def test_a_chosen_provider_is_compared_with_the_reference(opened):
    page = opened(FEATURES)
    row = page.locator(f'tr[data-id="{SIZE}"]')
    before = row.inner_text()

    choice(page, "Compare").select_option(label="TikHub")
    assert hash_of(page) == f"#{FEATURES}&compare=tikhub,openai"
    expect(page.locator("#differences mark").first).to_be_visible()
    choice(page, "with").select_option(label="AIHubMix")
    assert hash_of(page) == f"#{FEATURES}&compare=tikhub,aihubmix"
    assert heads(page) == ["Feature", "TikHub", "AIHubMix"]
    choice(page, "with").select_option(label="each other")
    assert hash_of(page) == f"#{FEATURES}"
    assert row.inner_text() == before
    expect(page.locator("#differences tr mark, .rule.changed")).to_have_count(0)


@pytest.fixture(scope="module")
def many(report, tmp_path_factory):
    """The page of all documents."""
    path = tmp_path_factory.mktemp("many") / "index.html"
    providers = [specs.load(name) for name in specs.names()]
    path.write_text(made(compare(providers, [report]), report), "utf-8")
    return path


def test_many_providers_are_named_by_what_they_state(tab, many):
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(f"{many.as_uri()}#{FEATURES}")

    row = tab.locator(f'tr[data-id="{SIZE}"]')
    expect(row.locator("li").first).to_contain_text("OpenAI")
    few_state_it = tab.locator("#differences tr.r", has_text="others").first
    named = few_state_it.locator("li a").all_inner_texts()
    rest = int(re.findall(r"(\d+) others", few_state_it.inner_text())[0])
    assert len(set(named)) + rest == len(ALL_IMAGE_PROVIDERS)
    assert fits_in_width(tab)
    assert tab.evaluate(STUMBLES) == []
    assert tab.evaluate(FAINT) == []
    row.get_by_role("link", name="TokenHub").click()
    assert hash_of(tab) == f"#{FEATURES}&cell={SIZE}@tokenhub"
    tab.get_by_role("dialog").get_by_role("button", name="Close").click()


def test_the_operations_of_chosen_providers_are_beside_each_other(opened, compared):
    def rows(page, at):
        page.locator("#operations").evaluate("it => { it.open = true }")
        cells = page.locator(f"#operations tbody tr:visible > :nth-child({at})")
        return cells.all_inner_texts()

    everywhere = opened(FEATURES)
    assert len(rows(everywhere, 1)) == len(compared.operations.columns)

    chosen = opened(f"{FEATURES}&compare=openai,tikhub")
    titles = {each.split("\n")[0].strip() for each in rows(chosen, 1)}
    assert titles == {"OpenAI", "TikHub"}
    places = rows(chosen, 6)
    assert "size" in places
    assert "tools[].size" in places


def test_a_set_of_providers_and_a_feature_are_chosen(tab, many):
    tab.goto(f"{many.as_uri()}#{FEATURES}")
    tab.get_by_text("Several", exact=True).click()
    for name in ("xAI", "Recraft", "OpenAI"):
        tab.get_by_role("checkbox", name=name, exact=True).check()
    assert hash_of(tab) == f"#{FEATURES}&compare=xai,recraft,openai"
    tab.get_by_text("3 providers", exact=True).click()

    choice(tab, "Feature").select_option("size")

    assert heads(tab) == ["Feature", "xAI", "Recraft", "OpenAI"]
    assert {each.rpartition("/")[2] for each in shown(tab)} == {"size"}
    tab.get_by_role("button", name="Show all").click()
    tab.get_by_text("More filters").click()
    tab.get_by_label("A column for each provider").check()
    assert len(heads(tab)) == 1 + len(ALL_IMAGE_PROVIDERS)
    assert fits_in_width(tab)
    scroll = tab.locator("#differences .wide").first
    scroll.evaluate("it => { it.scrollTop = 900; it.scrollLeft = 900; }")
    head = scroll.locator("thead th").first.bounding_box()
    frame = scroll.bounding_box()
    assert (head["x"] - frame["x"], head["y"] - frame["y"]) == (1, 1)


def test_filters_for_ignored_parameters_and_results(opened):
    page = opened(f"{FEATURES}&ignored")
    ignored = shown(page)
    assert SIZE in ignored
    expect(page.locator(f'tr[data-id="{SIZE}"]')).to_contain_text("ignored")
    page.get_by_role("tab", name="Findings").click()
    expect(page.locator(".finding:visible")).not_to_have_count(0)

    page.get_by_label("Ignored parameters only").uncheck()
    failed = page.get_by_role("button", name="Failed")
    count = int(failed.locator(".count").inner_text())
    failed.click()
    assert hash_of(page) == "#tab=findings&status=failed"
    expect(failed).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".finding:visible")).to_have_count(count)
    choice(page, "Provider").select_option("tokenhub")
    expect(page.locator(".finding:visible")).to_have_count(0)
    expect(page.get_by_text("No finding matches this filter.")).to_be_visible()
    page.get_by_role("tab", name="Claims").click()
    assert shown(page, "claim")
    expect(page.locator("#claims tr.r:visible").first).to_contain_text("failed")


def test_options_of_a_filter_show_how_many_they_leave(opened):
    page = opened(FEATURES)
    part = choice(page, "Operation")
    label = "createImage \N{MIDDLE DOT} request"
    option = part.locator("option", has_text=label).first
    count = int(re.search(r"\((\d+)\)", option.inner_text())[1])

    part.select_option("createImage/request")

    assert len(shown(page)) == count


def test_tabs_follow_the_keyboard_and_the_url(opened):
    page = opened()
    tabs = page.get_by_role("tablist", name="Views").get_by_role("tab")
    assert [each.split()[0] for each in tabs.all_inner_texts()] == [
        *("Findings", "Differences", "Claims", "History"),
    ]
    expect(page.get_by_role("tabpanel", name="Findings")).to_be_visible()
    expect(page.locator("#claims")).to_be_hidden()

    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Differences")).to_be_visible()
    assert hash_of(page) == f"#{FEATURES}"
    page.keyboard.press("End")
    expect(page.locator("#history")).to_be_visible()
    expect(page.get_by_role("search")).to_be_hidden()
    page.keyboard.press("Home")
    expect(tabs.first).to_be_focused()
    page.go_back()
    expect(page.locator("#history")).to_be_visible()


def test_a_finding_of_the_first_screen_opens_its_card(opened, report):
    page = opened(FEATURES)

    page.locator(".top-findings a").first.click()

    expect(page.locator("#findings")).to_be_visible()
    expect(page.locator(".finding").first).to_have_attribute("open", "")
    assert hash_of(page).strip("#") in {each.fingerprint for each in report.findings}


def test_a_contradicted_claim_opens_over_its_finding(opened):
    page = opened()

    page.locator(".finding[open] .contradicted a[href^='#claim=']").first.click()

    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#findings")).to_be_visible()


def test_the_client_filter_hides_unaffected_features(opened):
    page = opened("client=litellm")

    expect(page.locator("#differences")).to_be_visible()
    assert "createImage/request/response_format" not in shown(page)
    assert SIZE in shown(page)
    page.get_by_label("My client").select_option("ai-sdk-openai")
    assert "createImage/answer/data[].url" not in shown(page)


def test_a_number_of_the_heat_map_shows_what_it_counts(opened):
    page = opened(FEATURES)
    page.get_by_text("Differences by part and provider").click()
    hot = page.locator(".heat").first.locator("a.hot").first
    count = int(re.match(r"\D*(\d+)", hot.inner_text())[1])

    hot.click()

    assert "odd=" in hash_of(page)
    assert len(shown(page)) == count


def test_a_cell_opens_closes_and_returns_the_focus(opened):
    page = opened("differs=openai")
    link = cell(page, SIZE, "OpenAI")

    link.click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert hash_of(page) == f"#differs=openai&cell={SIZE}@openai"
    expect(page.locator("#opened-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    page.wait_for_function("location.hash === '#differs=openai'")
    page.go_forward()
    expect(dialog).to_be_visible()
    page.go_back()
    expect(dialog).to_be_hidden()
    assert hash_of(page) == "#differs=openai"


def test_a_cell_is_a_link(opened):
    page = opened(f"cell={SIZE}@openai")

    dialog = page.get_by_role("dialog", name=re.compile("^size"))
    expect(dialog).to_be_visible()
    for said in (
        "Documented",
        "Measured",
        "ignored",
        "Compared with other providers",
        "Expected",
    ):
        expect(dialog).to_contain_text(said)
    expect(dialog.locator("a[href^='https://']").first).to_be_visible()
    dialog.get_by_role("link", name=re.compile("^TokenHub")).click()
    assert hash_of(page) == f"#cell={SIZE}@tokenhub"
    expect(dialog).to_contain_text("TokenHub")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    page.wait_for_function("location.hash === ''")


@pytest.mark.parametrize(
    "hash_",
    [
        *("cell=no/such@openai", "claim=x@y", "cell=@", "%%"),
        *("cell=__proto__@constructor", "claim=constructor@openai"),
        *("compare=no,such", "differs=nobody&odd=nobody"),
    ],
)
def test_an_unknown_id_in_the_url_opens_nothing(opened, hash_):
    page = opened(hash_)

    expect(page.get_by_role("dialog")).to_be_hidden()
    assert SIZE in shown(page)


def test_a_claim_opens_with_its_sentence_and_result(opened):
    page = opened(f"claim={SIZE}/enum@tokenhub")

    dialog = page.get_by_role("dialog", name=re.compile("^size must be one of"))
    expect(dialog).to_contain_text("passed")
    expect(dialog.get_by_label("Run these tests", exact=True)).to_have_text(
        f"imageparity run tokenhub --only {SIZE}/enum"
    )


def test_an_opened_group_stays_open_while_a_claim_is_shown(opened):
    page = opened("tab=claims")
    group = page.locator(".claim-group").first
    group.locator("summary").click()
    link = group.locator("a.open").first

    link.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    expect(group).to_have_attribute("open", "")
    expect(link).to_be_focused()


def test_a_table_has_one_tab_stop_and_arrow_keys(opened):
    page = opened(FEATURES)
    table = page.get_by_role("grid", name="Features on which providers differ")
    expect(table.locator("a[tabindex='0']")).to_have_count(1)
    first = table.locator("a.open").first
    first.focus()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.closest('tr').dataset.id")
    assert focused == shown(page)[1]
    expect(table.locator("a[tabindex='0']")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    at = page.evaluate("document.activeElement.closest('td').cellIndex")
    assert at == len(heads(page)) - 1
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("cell="))  # history.back() takes a moment
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_finding_has_its_request_in_three_languages_and_its_images(opened):
    page = opened()
    finding = page.locator(".finding").filter(has_text="size-as-asked").first
    if finding.get_attribute("open") is None:
        finding.locator("summary").first.click()

    expect(finding.locator("pre:visible").first).to_contain_text("curl -sS")
    finding.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(finding.get_by_role("tab", name="Python")).to_be_focused()
    expect(finding.locator("pre:visible").first).to_contain_text("requests.request(")
    page.keyboard.press("ArrowRight")
    expect(finding.locator("pre:visible").first).to_contain_text("await fetch(")
    finding.get_by_role("button", name="Copy the request").click()
    expect(finding.get_by_role("button", name="Copy the request")).to_have_text(
        "Copied"
    )
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == finding.locator("pre:visible").first.inner_text()
    picture = finding.get_by_alt_text("Image 1 of the response")
    picture.scroll_into_view_if_needed()
    assert 0 < picture.evaluate("it => it.naturalWidth") <= 96
    expect(finding.locator("figcaption").first).to_contain_text("1024")


def test_the_url_of_a_finding_opens_it(opened, report):
    page = opened(f"tab=claims&q={report.findings[0].fingerprint}")
    page.goto(page.url.partition("#")[0] + f"#{report.findings[0].fingerprint}")

    expect(page.locator(f'[id="{report.findings[0].fingerprint}"]')).to_have_attribute(
        "open", ""
    )


def test_the_fingerprint_of_a_failed_check_opens_its_cause(tab, report, tmp_path):
    (first, *_) = report.findings
    cause = replace(
        first, fingerprint="c" * 16, title="Size is ignored", provider="openai"
    )
    cause = replace(cause, members=(first.fingerprint,))
    path = tmp_path / "cause.html"
    path.write_text(made(None, replace(report, causes=(cause,))), "utf-8")

    tab.goto(f"{path.as_uri()}#tab=claims")
    tab.goto(f"{path.as_uri()}#{first.fingerprint}")

    expect(tab.locator(f"#{'c' * 16}")).to_be_visible()
    expect(tab.locator(f"#{'c' * 16} .contradicted")).to_be_visible()


def test_a_single_server_filters_its_features_by_result(tab, report, tmp_path):
    one = report.for_provider("openai")
    target = next(e for e in report.metadata.targets if e.provider == "openai")
    one = replace(one, metadata=replace(one.metadata, targets=(target,)))
    path = tmp_path / "one.html"
    path.write_text(made(compare([specs.load("openai")], [one]), one), "utf-8")

    tab.goto(f"{path.as_uri()}#tab=differences")

    assert tab.locator(".lt, .heat, select[data-key=compare]").count() == 0
    tab.get_by_role("button", name="Failed").click()
    rows = tab.locator("#differences tr.r:visible")
    assert SIZE in rows.evaluate_all("all => all.map(it => it.dataset.id)")
    expect(rows.first).to_contain_text("ignored")
    tab.locator("#differences a.open:visible").first.click()
    expect(tab.get_by_role("dialog")).not_to_contain_text("Compared with")


def test_the_history_of_runs_is_shown(opened):
    page = opened("history")

    part = page.locator("#history")
    expect(part).to_contain_text("new")
    expect(part.get_by_role("img").first).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(opened, width):
    for tab in ("findings", "differences", "claims", "history"):
        page = opened(tab, width=width)
        assert fits_in_width(page)
        page.locator("details").evaluate_all(OPEN_ALL)
        assert fits_in_width(page)

    page = opened(f"cell={SIZE}@openai", width=width)
    box = page.get_by_role("dialog").bounding_box()
    assert (box["x"], box["width"]) == (0, width)
    body = page.get_by_role("dialog").locator(".body")
    assert body.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_every_text_has_contrast_in_light_and_dark_mode(opened):
    for fragment in (
        *("findings", "differences", "claims", "history"),
        "compare=openai,tokenhub",
    ):
        page = opened(fragment)
        page.locator("details").evaluate_all(OPEN_ALL)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (int(re.findall(r"\d+", ground)[0]) < 128) == (scheme == "dark")
            assert page.evaluate(FAINT) == []
    page = opened(FEATURES)
    cell(page, SIZE, "OpenAI").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(FAINT) == []


def test_the_page_has_no_accessibility_violations(opened):
    for tab in ("findings", "differences", "claims", "history"):
        assert opened(tab).evaluate(STUMBLES) == []

    page = opened(f"cell={SIZE}@openai")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(STUMBLES) == []


def test_print_opens_everything_and_hides_controls(opened):
    page = opened()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    assert page.locator("button:visible, .panel:visible").count() == 0
    assert page.locator(".finding:not([open])").count() == 0
    assert page.locator(".finding .inside").first.is_visible()


def test_all_content_is_shown_without_scripts(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())

    expect(page.get_by_role("search")).to_be_hidden()
    expect(
        page.get_by_role("table", name="Features on which providers differ")
    ).to_be_visible()
    expect(page.locator(".finding").first).to_be_visible()
    context.close()
