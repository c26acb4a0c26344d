"""A real browser, and what to ask it about a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium; a test that needs it is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


# Every text that is hard to read against what is behind it, as WCAG's AA has it.
FAINT = """() => {
  const parts = text => { const all = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(srgb") ? all.slice(0, 3).map(it => it * 255) : all };
  const light = all => { const [r, g, b] = all.slice(0, 3)
      .map(it => (it /= 255) <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b };
  const behind = it => { const own = getComputedStyle(it).backgroundColor;
    return /, 0\\)$/.test(own) ? behind(it.parentElement) : parts(own) };
  return [...document.querySelectorAll("body *")].filter(it => it.checkVisibility()
    && !it.disabled && !it.matches("option, script, style, .vh, .vh *")
    && [...it.childNodes].some(each => each.nodeType === 3 && each.data.trim()))
    .map(it => { const one = light(parts(getComputedStyle(it).color)),
        two = light(behind(it));
      return [(Math.max(one, two) + .05) / (Math.min(one, two) + .05),
        it.outerHTML.slice(0, 200)] })
    .filter(([ratio]) => ratio < 4.5) }"""

# What somebody who does not see the page would stumble over.
STUMBLES = """() => {
  const said = it => (it.getAttribute("aria-label") || it.innerText || "").trim()
    || [...(it.labels || [])].some(each => each.innerText.trim())
    || it.getAttribute("aria-labelledby");
  const found = [];
  const all = selector => [...document.querySelectorAll(selector)];
  for (const it of all("a[href], button, input, select, summary, [role=tab]"))
    if (it.checkVisibility() && !said(it)) found.push("no name: " + it.outerHTML);
  for (const it of all("img")) if (!it.alt) found.push("no alt: " + it.outerHTML);
  for (const it of all("th")) if (!it.scope) found.push("no scope: " + it.outerHTML);
  for (const it of all("table, dialog, section, nav"))
    if (!said(it) && !it.caption) found.push("no label: " + it.outerHTML.slice(0, 80));
  if (all("main").length !== 1 || all("h1").length !== 1) found.push("landmarks");
  let level = 0;
  for (const it of all("h1, h2, h3, h4, h5, h6, [role=heading]")) {
    if (!it.checkVisibility()) continue;
    const now = Number(it.ariaLevel || it.tagName[1]);
    if (now > level + 1) found.push("a heading is skipped: " + it.outerHTML);
    level = now;
  }
  const ids = all("[id]").map(it => it.id);
  if (new Set(ids).size !== ids.length) found.push("an id is there twice");
  if (!all("[role=status]").length) found.push("nothing is announced");
  return found }"""


def fits_in_width(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")
