"""A second name for files in place of a second copy of their bytes, where the disk can do that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_file(source: Path, target: Path) -> bool:
    """Hard-links a file, or copies it where it cannot be linked.

    Args:
        source: The file; a symbolic link stands for what it points to.
        target: Its new name, in a folder that exists.

    Returns:
        Whether it is a link; False where it is a copy.

    Raises:
        OSError: It can be neither linked nor copied.
    """
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
        return False
    return True


def link_tree(source: Path, target: Path) -> None:
    """Links or copies the files below a folder into another, which is created if missing; empty folders are left out.

    Raises:
        OSError: A file can be neither linked nor copied.
    """
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        link_file(path, place)
