"""``penstock experiment init`` and ``check``: writing the document, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import StorageError
from foundation.stores.mirror import in_store, mirror_of
from pipeline.cli.experiment.options import DOCUMENT, Document, Overrides
from pipeline.cli.options import local
from pipeline.cli.screen import say, say_json


def register(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command()(init)
    app.command()(check)


def init(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PIPELINE_OR_MODEL_DIR]",
            help="A pipeline's folder or document, or a folder of numbered versions: its two newest become the arms.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", callback=local, help="The file to write.")] = DOCUMENT,
    model: Annotated[str, typer.Option(help="Model name that clients use; default: the folder's.")] = "",
) -> None:
    """Write a commented document with one experiment, ready to be checked and started."""
    from foundation.publish import write_text
    from serving.experiments.document.sample import sample

    if out.exists():
        raise StorageError(
            f"{out}",
            expected="no such file yet",
            seen="one",
            remedy="name another with --out, or edit that one",
        )
    name, versions = _served(target)
    write_text(out, sample(model or name, versions))
    say(f"wrote {out}")
    other = "" if out == DOCUMENT else f" -f {out}"
    say(f"Next: edit it, then 'penstock experiment check{other}'.")


def _served(target: Path | None) -> tuple[str, list[int]]:
    """Returns the name of a folder's model and its versions; a made-up name where no folder is given."""
    if target is None:
        return "my_model", []
    from pipeline.cli.serve import model_of, nothing_pushed, pushed_to
    from serving.engines.folder import model_name, served_folder, versions

    place, name = pushed_to(target)
    if in_store(place):
        from components.pusher.versions import versions as pushed

        found = sorted(version.number for version in pushed(mirror_of(place)))
        if not found:
            raise nothing_pushed(place)
        return name, found
    folder, name = model_of(target)
    with served_folder(folder) as served:
        return name or model_name(folder), versions(served)


def check(
    file: Document = DOCUMENT,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the document: experiments, arms, how many units would move, and what to think about."""
    from serving.experiments.live.review import review

    found = review(file, overrides or [])
    if as_json:
        say_json(found.as_json())
    else:
        for line in found.lines():
            say(line)
