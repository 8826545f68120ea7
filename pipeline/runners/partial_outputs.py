"""What an execution that did not end well left in the pipeline root, and its removal."""

from __future__ import annotations

import shutil
from pathlib import Path

from foundation.stores.mirror import address_of, in_store


def remove_outputs(folder: Path, execution: int) -> None:
    """Removes the outputs and working files of an execution; of a root in a store, what was sent of them as well.

    Args:
        folder: Folder of the node in the pipeline root, with a folder for each output key.
        execution: Id of the execution, which must not be complete.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    for place in [*folder.glob(f"*/{execution}"), *folder.glob(f".system/*/{execution}")]:
        shutil.rmtree(place)
    if in_store(address_of(folder)):
        from pipeline.roots.opening import open_root

        there = open_root(address_of(folder.parent))
        for path in there.list(folder.name):
            if path.split("/")[2:3] == [str(execution)]:
                there.delete(path)
