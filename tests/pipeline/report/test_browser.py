"""The report in headless Chromium: light and dark, wide and narrow, no requests, no errors, enough contrast."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.evaluation_gate.result import Metric
from pipeline.report.data import Bar, FeatureView
from pipeline.report.write import write_report
from tests.browser import LOW_CONTRAST, OVERFLOWING

pytestmark = pytest.mark.browser


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


@pytest.fixture
def many_classes(run):
    """A run whose slices are named by long classes, with numbers of eleven digits."""
    names = (
        "overall",
        "species=Iris_versicolor_with_a_name_that_does_not_break",
        "species=setosa",
        "species=x",
    )
    values = ((0.82, "accuracy"), (12_345_678_901.5, "mse"))
    rows = tuple(
        Metric(metric, name, value, value * 0.9, value * 1.1, 300, value * 0.99)
        for value, metric in values
        for name in names
    )
    numbers = {"mean": 12345678901.0, "std": 98765432109.0, "min": -99999999999.0, "max": 98765432109.0}
    wide = FeatureView("revenue", "int", 0.0, numbers, None, (Bar("1", 3),))
    counts = FeatureView("kind", "text", 0.0, {}, 2, (Bar("a", 12_345_678_901), Bar("b", 1)))
    return replace(run, metrics=rows, features=(wide, counts, *run.features))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_long_classes_and_large_numbers_stay_inside(browser, many_classes, tmp_path, width, scheme):
    file = tmp_path / "report.html"
    write_report(many_classes, file)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(LOW_CONTRAST) == []
    context.close()


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
