"""A run's model and real examples, in the embedded server."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.examples import SPLIT, read_examples
from components.infra_validator.server import ModelServer, running_server, server_command
from components.infra_validator.trial import Setting
from foundation.errors import DataError
from foundation.saved_model import is_saved_model
from pipeline.runs.results import RunResults
from pipeline.runs.session import Session

EXAMPLES = 200
"""Examples of the test split that are sent."""


@dataclass(frozen=True)
class Served:
    """A model to serve and what to ask it.

    Attributes:
        model: Folder of the SavedModel.
        records: Serialized examples of the test split.
    """

    model: Path
    records: list[bytes]


def of_run(results: RunResults) -> Served:
    """Returns the trained model of a run and examples of its test split.

    Raises:
        DataError: The run has trained no model.
    """
    folder = results.folder("Trainer", "model")
    source = next(
        (node for node, key in results.artifacts if key == "examples" and node.endswith("ExampleGen")), ""
    )
    examples = results.folder(source, "examples")
    found = (
        [one for one in sorted(folder.rglob("*")) if one.is_dir() and is_saved_model(one)] if folder else []
    )
    if not found or examples is None:
        raise DataError(
            "the newest run", expected="a trained model", seen="none", remedy="run 'penstock run' first"
        )
    named = [one for one in found if one.name == "Format-Serving"]
    return Served((named or found)[0], read_examples(str(examples / f"Split-{SPLIT}"), EXAMPLES))


@contextlib.contextmanager
def setting(session: Session, served: Served, config: InfraValidationConfig) -> Iterator[Setting]:
    """Yields what a trial in a server takes; its files are removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as text:
        work = Path(text)
        command = server_command(config.server, session.loaded.folder)
        yield Setting(config, command, work, work / "server.log", served.records)


@contextlib.contextmanager
def server(made: Setting) -> Iterator[ModelServer]:
    """Yields a running server."""
    with running_server(made.command, made.work, made.log, made.config.timeout_seconds) as started:
        yield started
