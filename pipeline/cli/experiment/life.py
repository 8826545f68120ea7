"""``penstock experiment start``, ``status``, ``ramp`` and ``stop``: on the state that the document names, at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.screen import say, say_json

if TYPE_CHECKING:
    from pathlib import Path

    from serving.experiments.control.actions import Asked

Name = Annotated[str, typer.Argument(metavar="NAME", help="The experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    for command in (start, status, ramp, stop):
        app.command()(command)


@contextlib.contextmanager
def asked(file: Path, overrides: Sequence[str] | None, name: str) -> Iterator[Asked]:
    """Opens the state that a document names.

    Args:
        file: The document.
        overrides: ``a.b=value`` options.
        name: The experiment.
    """
    from serving.experiments.control.actions import Asked
    from serving.experiments.document.reader import read_document
    from serving.experiments.state.open import open_store

    document = read_document(file, overrides or [])
    store = open_store(document.state, file.parent)
    try:
        yield Asked(store, document, name, _me())
    finally:
        store.close()


def _me() -> str:
    """Returns who runs the command, for the list of events."""
    import getpass
    import socket

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a container's user may have no name
        return socket.gethostname()


def start(name: Name, file: Document = DOCUMENT, overrides: Overrides = None) -> None:
    """Start an experiment, or go on with one that was stopped; running routers and servers follow within a second."""
    from serving.experiments.control import actions

    with asked(file, overrides, name) as it:
        actions.start(it)
    say(f"{name} was started.")


def stop(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the list of events.")] = "",
    file: Document = DOCUMENT,
    overrides: Overrides = None,
) -> None:
    """Stop an experiment without a winner: requests go on unchanged; rewards are taken until the windows close."""
    from serving.experiments.control import actions

    with asked(file, overrides, name) as it:
        actions.stop(it, reason)
    say(f"{name} was stopped.")


def ramp(
    name: Name,
    weights: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARM=SHARE]...", help="Such as new=20%; control gives or takes the rest."),
    ] = None,
    share: Annotated[str, typer.Option(help="The experiment's share of its layer, such as 50%.")] = "",
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Let an arm come back that was taken out.")
    ] = False,
    file: Document = DOCUMENT,
    overrides: Overrides = None,
) -> None:
    """Change shares of a running experiment; the fewest units move. Holds until the document's own shares change."""
    from foundation.errors import SpecError
    from serving.experiments.control import actions

    given: dict[str, float] = {}
    for text in weights or []:
        arm, equals, value = text.partition("=")
        if not equals:
            raise SpecError(f"{text!r}", expected="ARM=SHARE", seen="no '='", remedy="such as new=20%")
        if arm in given:
            raise SpecError(f"arm {arm!r}", expected="one share", seen="two")
        given[arm] = _share(value, f"arm {arm!r}")
    with asked(file, overrides, name) as it:
        actions.ramp(it, given, _share(share, "--share") if share else None, readmit=readmit)
        say(it.store.events(name, limit=1)[-1].text + ".")


def _share(text: str, subject: str) -> float:
    from foundation.errors import SpecError
    from foundation.quantities import share_of

    number = text.replace(".", "", 1).isdigit()
    try:
        return float(share_of(float(text) if number else text))
    except ValueError as error:
        remedy = f"write {text}%" if number else ""
        raise SpecError(
            subject, expected="a share such as 20%, 0.2 or 1/5", seen=repr(text), remedy=remedy
        ) from error


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The experiment; without it, all in a line each.")
    ] = None,
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Show an experiment: whether it runs, shares, units, rewards, alarms and the verdict; may be asked at any time."""
    from serving.experiments.control.status import overview
    from serving.experiments.control.status import status as status_of

    with asked(file, overrides, name or "") as it:
        chosen = name or (next(iter(it.document.experiments)) if len(it.document.experiments) == 1 else "")
        seen = status_of(it.store, it.document, chosen) if chosen else overview(it.store, it.document)
    if as_json:
        say_json(seen)
        return
    from pipeline.cli.experiment import status_screen

    (status_screen.one if chosen else status_screen.all_of)(seen)
