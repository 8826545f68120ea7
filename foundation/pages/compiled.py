"""Compiled templates of pages, kept beside byte code: to compile a page's template takes longer than to fill it."""

from __future__ import annotations

import contextlib
import pickle
import sys
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from foundation.errors import StorageError
from foundation.publish import published_file


class KeptTemplates(BytecodeCache):
    """What Jinja has compiled, where Python keeps its own byte code, and only where Python does.

    Jinja checks that it was made of the same text by the same version of itself and of Python.

    Args:
        folder: Folder of the templates.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(cache_from_source(str(folder / "template.py"))).parent

    def load_bytecode(self, bucket: Bucket) -> None:
        """Reads a template that was compiled before."""
        try:
            with self._file(bucket).open("rb") as kept:
                bucket.load_bytecode(kept)
        except (OSError, EOFError, pickle.UnpicklingError):  # none, or one that was cut short
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps a template that was compiled now."""
        if sys.dont_write_bytecode:
            return
        with (
            contextlib.suppress(StorageError),
            published_file(self._file(bucket)) as temporary,
            temporary.open("wb") as kept,
        ):
            bucket.write_bytecode(kept)

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.template"
