"""A running server whose models a test adds, changes and removes through ReloadConfig."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.serving.clients import GrpcClient
from tests.serving.contract.configs import Model, config_text
from tests.serving.server_process import ServerProcess, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.models import ModelLibrary

AVAILABLE, END = "AVAILABLE", "END"


class ManagedServer:
    """One server and its complete configuration.

    Args:
        process: The running server, started with ``models``.
        library: The source of SavedModels.
        folder: The parent of the base paths.
        models: The initial models, by name.
    """

    def __init__(
        self, process: ServerProcess, library: ModelLibrary, folder: Path, models: dict[str, Model]
    ) -> None:
        self.process, self.library, self.folder = process, library, folder
        self.models = models
        self.client = GrpcClient(process.address)

    def base(self, name: str) -> Path:
        return self.folder / name

    def publish(self, name: str, version: int | str, model: str) -> Path:
        """Publishes a SavedModel under the base path of model ``name``, atomically."""
        return self.library.place(model, self.base(name), version)

    def reload(self, *changed: Model, without: tuple[str, ...] = (), seconds: float = 60.0) -> Any:
        """Reloads with these models added or replaced; a refused change is dropped."""
        wanted = {name: model for name, model in self.models.items() if name not in without}
        wanted |= {model.name: model for model in changed}
        response = self.client.reload(config_text(wanted.values()), seconds)
        self.models = wanted
        return response

    def change(self, name: str, **fields: Any) -> Any:
        """Reloads with some fields of one model replaced."""
        return self.reload(replace(self.models[name], **fields))

    def forget(self, *names: str) -> None:
        """Removes models from the configuration, if present."""
        self.reload(without=names)

    @contextlib.contextmanager
    def model(
        self,
        name: str,
        versions: dict[int | str, str],
        policy: str = "",
        labels: dict[str, int] | None = None,
    ) -> Iterator[Model]:
        """A model that exists for a block; versions are named SavedModels of the library."""
        for version, model in versions.items():
            self.publish(name, version, model)
        model = Model(name, self.base(name), policy, labels or {})
        self.reload(model)
        try:
            yield model
        finally:
            self.forget(name)

    def wait_states(self, name: str, wanted: dict[int, str], seconds: float = 20.0) -> None:
        """Waits until the model's versions are in exactly these states."""
        states: dict[int, str] = {}

        def met() -> bool:
            states.clear()
            states.update(self.client.states(name))
            return states == wanted

        try:
            until(met, seconds)
        except AssertionError as error:
            raise AssertionError(f"{name}: expected {wanted}, seen {states}") from error

    def answers(self, name: str, value: float) -> bool:
        """Whether the model's latest version gives this value now."""
        return bool(self.client.value(name) == [value])

    def wait_value(self, name: str, value: float, seconds: float = 20.0) -> None:
        until(lambda: self.answers(name, value), seconds)


@contextlib.contextmanager
def managed(library: ModelLibrary, folder: Path, *flags: str) -> Iterator[ManagedServer]:
    """Starts a server with one model, ``resident`` (half_plus_two as version 1), to be changed by reloads."""
    base = folder / "models"
    library.place("half_plus_two", base / "resident")
    resident = Model("resident", base / "resident")
    config = folder / "models.config"
    config.write_text(config_text([resident]))
    with ServerProcess(folder, f"--model_config_file={config}", *flags) as process:
        server = ManagedServer(process, library, base, {"resident": resident})
        try:
            yield server
        finally:
            server.client.close()
