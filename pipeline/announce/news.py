"""A piece of news, and how it is sent once: Airflow itself is asked whether it has been sent before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foundation.errors import PenstockError, SpecError

if TYPE_CHECKING:
    from pipeline.announce.airflow import Airflow, AssetEvent
    from pipeline.document.production import ProductionConfig

ASKED_BY = {"export": "on_export", "alarm": "on_alarm", "labels": "new_labels"}
"""What there is news of → its key in ``production.retrain``."""


@dataclass(frozen=True)
class News:
    """A piece of news.

    Attributes:
        what: What it is about: ``export``, ``alarm`` or ``labels``.
        extra: What is sent with the event.
        same: Whether an event of the asset is of this same news.
    """

    what: str
    extra: Mapping[str, Any]
    same: Callable[[AssetEvent], bool]


@dataclass(frozen=True)
class Told:
    """What became of a piece of news.

    Attributes:
        asset: The asset.
        sent: Whether it was sent now; if not, it was sent before.
        event: The event.
    """

    asset: str
    sent: bool
    event: AssetEvent


def refuse_unasked(production: ProductionConfig, what: str) -> None:
    """Refuses news that the document does not wait for: its DAG has no such asset.

    Raises:
        SpecError: ``production.retrain`` does not ask for it.
    """
    key = ASKED_BY[what]
    if not (production.retrain and getattr(production.retrain, key)):
        example = "500" if what == "labels" else "true"
        raise SpecError(
            f"production.retrain.{key}",
            expected=f"a document that waits for news of {what}",
            seen="none",
            remedy=f"write retrain: {{{key}: {example}}} under production and export the DAG again",
        )


def announce(airflow: Airflow, pipeline: str, news: News) -> Told:
    """Sends a piece of news, unless Airflow has an event of it.

    Two processes that send the same at the same moment may both send it: Airflow has no way to refuse the second.

    Args:
        airflow: Where to.
        pipeline: Name of the pipeline.
        news: The news.

    Raises:
        PenstockError: Airflow does not answer or refuses, does not have the asset, or its DAG is paused.
    """
    name, dag = f"{pipeline}.{news.what}", f"{pipeline}_retrain"
    asset = airflow.asset(name)
    paused = None if asset is None else airflow.paused(dag)
    if asset is None or paused is None:
        raise PenstockError(
            f"Airflow's asset {name}",
            expected=f"the DAG {dag}, which waits for it",
            seen="none",
            remedy=f"have Airflow read {dag}.py, which 'penstock export airflow' writes for a document with "
            f"production.retrain.{ASKED_BY[news.what]}",
        )
    before = next(filter(news.same, airflow.events(asset)), None)
    if before:
        return Told(name, False, before)
    if paused:  # Airflow drops the events of a paused DAG
        raise PenstockError(
            f"Airflow's DAG {dag}",
            expected="not paused: the event would be lost",
            seen="paused",
            remedy=f"airflow dags unpause {dag}",
        )
    return Told(name, True, airflow.send(asset, news.extra))
