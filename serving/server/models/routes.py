"""The table that maps requests to versions. It is immutable and replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serving.server.engine.signature import ModelSpec
from serving.server.models.harness import Harness
from serving.server.status import Code, ServingError


class Routes:
    """A snapshot of models, their available versions and their labels.

    Args:
        serving: Model → its available versions, lowest number first.
        labels: Model → label → version.
    """

    __slots__ = ("_labels", "_latest", "_versions")

    def __init__(
        self,
        serving: Mapping[str, Sequence[Harness]] | None = None,
        labels: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        models = serving or {}
        self._latest = {name: versions[-1] for name, versions in models.items() if versions}
        self._versions = {(name, h.version): h for name, versions in models.items() for h in versions}
        self._labels = labels or {}

    def find(self, spec: ModelSpec) -> Harness:
        """Returns the version that serves a request.

        Raises:
            ServingError: INVALID_ARGUMENT or NOT_FOUND, in TF Serving's words.
        """
        name = spec.name
        if not name:
            raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        version = spec.version
        if spec.label is not None:
            version = self._labels.get(name, {}).get(spec.label)
            if version is None:
                raise ServingError(
                    Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.label}"
                )
        if version is None:
            harness = self._latest.get(name)
            wanted = f"Latest({name})"
        else:
            harness = self._versions.get((name, version))
            wanted = f"Specific({name}, {version})"
        if harness is None:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return harness
