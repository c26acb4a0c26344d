"""Helpers of the tests of the inspector."""

import sys

from playwright.sync_api import expect

ROW = "#list [role=option]"


RUN_EACH = """
import glob, traceback
for name in sorted(glob.glob("*.python")):
    try:
        exec(open(name, encoding="utf-8").read())
    except Exception:
        traceback.print_exc()
"""
RUN_ALL = {
    "curl": ["bash", "-c", "for it in *.curl; do bash $it; done"],
    "python": [
        sys.executable,
        "-c",
        RUN_EACH,
    ],
}


def meant(entry):
    """The parts of an entry that a repeated request must reproduce."""
    names = ("method", "path", "operation", "media_type", "status", "namespace", "key")
    decided = [entry["decision"].get(each) for each in ("trigger", "error", "fault")]
    kept = {name: entry.get(name) for name in names}
    return {**kept, "decided": decided, "payload": plain(entry.get("payload"))}


def plain(payload):
    if isinstance(payload, dict):
        beside = {"filename", "content_type"}
        return {
            name: plain(each) for name, each in payload.items() if name not in beside
        }
    return [plain(each) for each in payload] if isinstance(payload, list) else payload


CONTRAST = """() => {
  const light = text => { const all = text.match(/[\\d.]+/g).slice(0, 3).map(Number)
      .map(it => (it /= 255) <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4);
    return .2126 * all[0] + .7152 * all[1] + .0722 * all[2] };
  const behind = it => { const own = getComputedStyle(it).backgroundColor;
    return /, 0\\)$/.test(own) ? behind(it.parentElement) : own };
  return [...document.querySelectorAll("body *")].filter(it => it.checkVisibility()
    && !it.disabled && !it.matches("option, optgroup, script, style, #say")
    && [...it.childNodes].some(each => each.nodeType === 3 && each.data.trim()))
    .map(it => { const one = light(getComputedStyle(it).color), two = light(behind(it));
      return [(Math.max(one, two) + .05) / (Math.min(one, two) + .05), it.outerHTML] })
    .filter(([ratio]) => ratio < 4.5) }"""


def rows(page):
    return page.locator(ROW)


def newest(page, text):
    """Open the newest request when it contains a text."""
    expect(rows(page).first).to_contain_text(text)
    rows(page).first.click()
    expect(page.locator("#d-title")).to_be_focused()


def fits_in_width(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")
