"""A browser for the tests of the inspector."""

import pytest
from playwright.sync_api import Page, expect
from support.browser import chromium


# Not for the session: its event loop would be running in everyone's thread.
@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(browser):
    """One tab for all tests: a new one per test takes three times as long."""
    context = browser.new_context(
        has_touch=True, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(5_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def opened(tab):
    """Open the page of a server; finally assert that it requested nothing else."""
    own, asked, mishaps, more = [], [], [], []

    def seen(request):
        asked.append(request.url)

    def failed(error):
        mishaps.append(str(error.error))

    def opened(url: str, path: str = "/__mock__/", width: int = 1280) -> Page:
        page = tab if not own else tab.context.new_page()
        if page is not tab:
            more.append(page)
        own.append(url)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(url + path)
        expect(page.locator("#link")).to_have_text("Live")
        return page

    tab.context.on("request", seen)
    tab.context.on("weberror", failed)
    yield opened
    for page in more:
        page.close()
    tab.emulate_media(color_scheme="light", reduced_motion="no-preference")
    tab.goto("about:blank")
    tab.context.remove_listener("request", seen)
    tab.context.remove_listener("weberror", failed)
    assert asked
    allowed = (*own, "data:", "about:")
    assert [each for each in asked if not each.startswith(allowed)] == []
    assert mishaps == []
