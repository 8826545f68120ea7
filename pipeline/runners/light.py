"""TFX's launcher, imported without TensorFlow, Beam and what stands on them: a node that needs none of it starts at once.

The launcher's own work uses none of these libraries; importing it loads them all, since parts of TFX that it merely
mentions do. TFX allows each to be missing, so they are, for the time of this import; what TFX has noted as missing comes
back when it is first used. Import the launcher and what belongs to it from here, never from TFX.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

HEAVY = (
    "apache_beam",
    "keras",
    "keras_tuner",
    "tensorflow",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform",
)
"""What the launcher does without."""


class _Missing(MetaPathFinder):
    """Says of packages that they are not installed.

    Args:
        packages: Their names.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuses a missing package and its modules; leaves all others to Python."""
        if fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


@contextlib.contextmanager
def without(packages: Sequence[str] = HEAVY) -> Iterator[None]:
    """Imports within the block find none of some packages, unless they are loaded already.

    A package that failed to load since it needs one of them leaves none of its modules: they would be taken for whole later.
    """
    finder = _Missing([one for one in packages if one not in sys.modules])
    before = set(sys.modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in sorted(set(sys.modules) - before):  # parents come first
            parent = name.rpartition(".")[0]
            if parent and parent not in sys.modules:
                del sys.modules[name]


class _Late:
    """A package that is imported when something in it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Returns what the package has under a name."""
        return getattr(importlib.import_module(self._name), attribute)


_COMPONENTS = "tfx.components"

with without():
    import tfx
    from tfx.dsl.components.base import base_beam_executor
    from tfx.dsl.io import filesystem_registry
    from tfx.dsl.io.plugins import tensorflow_gfile
    from tfx.orchestration import data_types_utils, metadata
    from tfx.orchestration.local import runner_utils
    from tfx.orchestration.portable import (
        beam_executor_operator,
        data_types,
        inputs_utils,
        launcher,
        python_executor_operator,
    )
    from tfx.orchestration.portable.mlmd import context_lib, execution_lib
    from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2, placeholder_pb2

__all__ = [
    "beam_executor_operator",
    "context_lib",
    "data_types",
    "data_types_utils",
    "executable_spec_pb2",
    "execution_lib",
    "inputs_utils",
    "launcher",
    "metadata",
    "pipeline_pb2",
    "placeholder_pb2",
    "python_executor_operator",
    "runner_utils",
]


class _LateRegistry(filesystem_registry.FilesystemRegistry):
    """TFX's file systems, with those of TensorFlow once one is needed, for ``gs://`` and ``s3://``, or it is loaded anyway."""

    def get_filesystem_for_scheme(self, scheme: Any) -> Any:
        """Returns the file system of a scheme, see TFX; the local one needs no TensorFlow.

        TFX's own for local files tells no ``length`` of a file, so it is used only where TensorFlow is not loaded.
        """
        if tensorflow_gfile.tf is None and (scheme not in ("", b"") or _has_tensorflow()):
            importlib.reload(tensorflow_gfile)
        return super().get_filesystem_for_scheme(scheme)


def _has_tensorflow() -> bool:
    """Returns whether TensorFlow is loaded, and not just being loaded by another thread."""
    loaded = sys.modules.get("tensorflow")
    return loaded is not None and not getattr(loaded.__spec__, "_initializing", False)


def _restore() -> None:
    """Undoes what TFX has noted of packages that were missing only for the import."""
    for name in [one for one in sys.modules if f"{one}.".startswith(f"{_COMPONENTS}.")]:
        del sys.modules[name]  # it names the components that could be imported; it is asked again
    if "components" in vars(tfx):
        del tfx.components
    if base_beam_executor.beam is None:
        base_beam_executor.beam = _Late("apache_beam")
    if type(filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY) is filesystem_registry.FilesystemRegistry:
        filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.__class__ = _LateRegistry


_restore()
