"""The folder given as a model: numbered versions, or one SavedModel."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from foundation.errors import DataError
from foundation.link import link_tree
from foundation.saved_model import is_saved_model


def versions(folder: Path) -> list[int]:
    """Returns the numbers of the versions in a folder, smallest first."""
    return sorted(int(child.name) for child in folder.iterdir() if child.name.isdecimal() and child.is_dir())


@contextlib.contextmanager
def served_folder(folder: Path) -> Iterator[Path]:
    """Yields the folder for the server to read: the given one, or one that holds the given SavedModel as version 1.

    Args:
        folder: The folder that the user gave.

    Raises:
        DataError: It is neither.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}", expected="a pipeline's document or a folder of versions", seen="no such folder"
        )
    if not is_saved_model(folder):
        if not versions(folder):
            names = sorted(child.name for child in folder.iterdir())[:5]
            raise DataError(
                f"{folder}",
                expected="folders of versions whose names are numbers, such as 1, or a SavedModel",
                seen=", ".join(names) or "an empty folder",
                remedy="name the folder above the versions, or the pipeline",
            )
        yield folder.resolve()
        return
    private = Path(tempfile.mkdtemp(prefix="penstock-serve-"))
    try:
        link_tree(folder.resolve(), private / "1")
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


def model_name(folder: Path) -> str:
    """Returns a name for a folder's model: its own name, or its parent's if it is a version number."""
    place = folder.resolve()
    while is_saved_model(place) and place.name.isdecimal() and place.parent.name:
        place = place.parent
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in place.name) or "model"
