"""The report in headless Chromium: light and dark, wide and narrow, no requests, no errors, enough contrast."""

from __future__ import annotations

import shutil

import pytest

from pipeline.report.write import write_report

pytestmark = pytest.mark.browser

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)

LOW_CONTRAST = """
() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3])).concat(1);
  const background = e => {
    const layers = [];
    for (; e; e = e.parentElement) { layers.push(parse(getComputedStyle(e).backgroundColor)); if (layers.at(-1)[3] === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const bad = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!e.getClientRects().length || e.closest('.skip, .hidden, title')) continue;
    const style = getComputedStyle(e), back = background(e.parentElement && e.closest('svg') ? e.closest('svg').parentElement : e);
    const front = over(parse(e.closest('svg') ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push([e.tagName, e.className.toString(), e.textContent.slice(0, 30), (a + 0.05) / (b + 0.05)]);
  }
  return bad;
}
"""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_report(browser, run, tmp_path):
    """Opens the report; records all console messages and all requests except the file itself."""
    file = tmp_path / "report.html"
    write_report(run, file)
    noted, contexts = [], []

    def open_(scheme: str = "light", width: int = 1200):
        contexts.append(browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: noted.append(message.text))
        page.on("pageerror", lambda error: noted.append(str(error)))
        page.on(
            "request", lambda request: noted.append(request.url) if request.url != file.as_uri() else None
        )
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [n for n in noted if not n.startswith("data:")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(open_report, scheme):
    page = open_report(scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate(LOW_CONTRAST) == []


def test_themes_differ(open_report):
    colours = {
        open_report(scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert len(colours) == 2


@pytest.mark.parametrize("width", [360, 768, 1600], ids=["phone", "tablet", "wide"])
def test_page_never_scrolls_sideways(open_report, width):
    page = open_report(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_verdict_is_in_the_first_screen(open_report):
    box = open_report(width=390).locator("h1").bounding_box()
    assert box["y"] + box["height"] < 500


def test_metrics_expand_by_keyboard(open_report):
    page = open_report()
    folded = page.locator("details:not([open])").first
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("details:not([open])").count() == 0


def test_page_prints(open_report):
    page = open_report("dark")
    assert page.pdf(format="A4")[:4] == b"%PDF"
