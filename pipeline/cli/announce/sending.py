"""What the commands of ``penstock announce`` share: the pipeline, how news is sent, how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from foundation.errors import PenstockError
from pipeline.cli.options import open_session
from pipeline.cli.screen import moment, say, say_error, say_json

if TYPE_CHECKING:
    from pipeline.announce.news import News, Told
    from pipeline.document.models import PipelineSpec
    from pipeline.lineage.store import MlmdLineage

Found = TypeVar("Found")

_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Pipeline:
    """The pipeline that there is news for.

    Attributes:
        spec: Its document.
        home: Folder that relative paths of data start from.
        root: Its root on this machine.
    """

    spec: PipelineSpec
    home: Path
    root: Path

    def lineage(self) -> MlmdLineage:
        """Returns its lineage."""
        from pipeline.lineage.store import MlmdLineage

        return MlmdLineage(self.spec.metadata, self.root, self.spec.name)


def opened(
    what: str, file: list[Path] | None, overrides: list[str] | None, home: Path | None, root: str | None
) -> Pipeline:
    """Opens the document.

    Args:
        what: What there is news of.
        file: The document's layers.
        overrides: ``--set`` options.
        home: Folder that relative paths of data start from; None for the document's.
        root: The pipeline root; None for the document's.

    Raises:
        SpecError: The document is invalid, or does not wait for this news.
    """
    from foundation.stores.mirror import in_store, mirror_of
    from pipeline.announce.news import refuse_unasked

    session = open_session(file, overrides)
    spec = session.loaded.spec
    refuse_unasked(spec.production, what)
    folder = (home or session.loaded.folder).resolve()
    given = root or spec.root
    there = mirror_of(given) if in_store(given) else (folder / given).resolve()
    return Pipeline(spec.with_metadata_at(folder), folder, there)


def send(pipeline: Pipeline, news: News, as_json: bool, patience: float) -> None:
    """Sends news, and says what became of it.

    Args:
        pipeline: The pipeline.
        news: The news.
        as_json: Whether to say it in JSON.
        patience: Seconds to try again for, where Airflow does not answer.
    """
    from pipeline.announce.airflow import from_environment
    from pipeline.announce.news import announce

    airflow = from_environment()
    told = or_retry(lambda: announce(airflow, pipeline.spec.name, news), patience)
    if as_json:
        event = told.event
        say_json({"asset": told.asset, "sent": told.sent, "event": event.id, "extra": dict(event.extra)})
        return
    say(_sentence(told))


def _sentence(told: Told) -> str:
    extra = {key: value for key, value in told.event.extra.items() if key != "from_rest_api"}
    about = ", ".join(
        f"{key} {' and '.join(value) if isinstance(value, list) else value}" for key, value in extra.items()
    )
    if told.sent:
        return f"Sent to {told.asset}: {about}."
    return f"{told.asset} has had this news since {moment(told.event.at)}: {about}. Nothing is sent."


def or_retry(call: Callable[[], Found], patience: float = 0.0) -> Found:
    """Returns what a call does; ends the command with 75 where what is in the way passes by itself.

    Args:
        call: The call.
        patience: Seconds to try again for, before that.
    """
    from pipeline.task.exits import MAY_BE_RETRIED

    give_up = time.monotonic() + patience
    while True:
        try:
            return call()
        except PenstockError as error:
            if not error.may_pass:
                raise
            if time.monotonic() >= give_up:
                say_error(str(error))
                raise typer.Exit(MAY_BE_RETRIED) from error
        time.sleep(_PAUSE_SECONDS)
