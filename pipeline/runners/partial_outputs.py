"""What an execution that did not end well left in the pipeline root, and its removal."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove_outputs(folder: Path, execution: int) -> None:
    """Removes the outputs and working files of an execution.

    Args:
        folder: Folder of the node in the pipeline root, with a folder for each output key.
        execution: Id of the execution, which must not be complete.
    """
    for place in [*folder.glob(f"*/{execution}"), *folder.glob(f".system/*/{execution}")]:
        shutil.rmtree(place)
