"""The page in headless Chromium: light and dark, narrow and wide, by keyboard, without a request or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.experiments.page.render import render_experiment, render_index
from tests.browser import LOW_CONTRAST, OVERFLOWING
from tests.serving.experiments.page.views import BEGUN, FULL, RUNNING

pytestmark = pytest.mark.browser

PAGES = {
    "running": lambda: render_experiment(RUNNING),
    "begun": lambda: render_experiment(BEGUN),
    "full": lambda: render_experiment(FULL),
    "index": lambda: render_index([RUNNING, BEGUN, FULL]),
}


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page; notes every message, error and request but the file's own."""
    noted: list[str] = []
    contexts = []

    def open_(name: str, scheme: str = "light", width: int = 1200) -> Any:
        file = tmp_path / f"{name}.html"
        file.write_text(PAGES[name](), encoding="utf-8")
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
    assert [one for one in noted if not one.startswith("data:")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1600])
@pytest.mark.parametrize("name", list(PAGES))
def test_the_page_is_readable(open_page: Callable[..., Any], name: str, width: int, scheme: str) -> None:
    page = open_page(name, scheme, width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.evaluate(OVERFLOWING) == []


def test_the_verdict_is_in_the_first_screen_of_a_phone(open_page: Callable[..., Any]) -> None:
    box = open_page("running", width=390).locator("h1").bounding_box()
    assert box["y"] + box["height"] < 500


def test_everything_is_reached_by_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page("running")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("details summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1


def test_a_screen_reader_finds_names_for_charts_and_sections(open_page: Callable[..., Any]) -> None:
    page = open_page("running")
    assert page.get_by_role("img", name="Difference of new to control").count() == 1
    assert page.get_by_role("img", name="Requests a second over time").count() == 1
    for name in ("Arms", "The interval as it narrowed", "Traffic over time", "Alarms", "History"):
        assert page.get_by_role("region", name=name, exact=True).count() == 1
    assert page.get_by_role("table", name="Arms of new_model").count() == 1
