"""Renders views as HTML: self-contained, so that the page works offline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.numbers import bound, percent
from foundation.pages import base_style, forest
from foundation.pages.scale import Scale, number
from serving.experiments.page import charts
from serving.experiments.page.view import ExperimentView

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_STAMPS: Final = {
    "promote": "promote",
    "keep": "keep",
    "wait": "not decided",
    "refuse": "not to be trusted",
    "": "nothing to compare yet",
}
_ENDED: Final = {
    "draft": "not begun",
    "stopped": "stopped",
    "promoted": "promoted",
    "rolled_back": "rolled back",
}
"""Phases that say more than the verdict."""


def render_experiment(view: ExperimentView) -> str:
    """Returns the page of one experiment."""
    known = [(arm.low, arm.high, arm.difference) for arm in view.challengers]
    scale = Scale.over([0.0, view.margin, *(value for row in known for value in row)])
    return (
        _environment()
        .get_template("experiment.html.j2")
        .render(view=view, charts=charts, forest=forest, scale=scale, stamp=stamp(view), style=_style())
    )


def render_index(views: Sequence[ExperimentView]) -> str:
    """Returns the page that lists all experiments."""
    return _environment().get_template("index.html.j2").render(views=views, stamp=stamp, style=_style())


def stamp(view: ExperimentView) -> str:
    """Returns the word before the verdict."""
    return _ENDED.get(view.phase) or _STAMPS.get(view.action, view.action)


@cache
def _style() -> str:
    return base_style() + (_FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from foundation.pages.compiled import KeptTemplates

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=KeptTemplates(_FOLDER),
    )
    filters: dict[str, Any] = {
        "number": number,
        "share": percent,
        "bound": bound,
        "moment": _moment,
        "count": _count,
    }
    environment.filters.update(filters)
    return environment


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _count(value: float) -> str:
    return f"{round(value):,}"
