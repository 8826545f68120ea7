"""``penstock watch`` on a real project: the first run, a save of own code, a broken document, and the end."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.server_process import until
from tests.side_by_side import importing

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()", "watch"]
DOCUMENT = """
name: watched
data: {mongo_export: documents.jsonl, label: kept, bad_documents: {quarantine: false}}
features: {lessons: zscore}
model: model.py:build_model
train: {epochs: 2, learning_rate: 0.01, batch_size: 64}
evaluate: {metrics: [auc], gates: none}
"""
MODEL = """
import keras
from lib.units import UNITS

def build_model(features, hyperparameters):
    inputs = {f.name: keras.Input((), name=f.name) for f in features}
    column = keras.layers.Reshape((1,))(inputs["lessons_zscore"])
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dense(UNITS)(column)))
"""
LONG = 300.0


class Watched:
    """A project, and ``penstock watch`` at work on it."""

    def __init__(self, folder: Path) -> None:
        drawn = random.Random(1)
        rows = ({"_id": n, "lessons": drawn.randrange(50), "kept": drawn.random() < 0.5} for n in range(300))
        (folder / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "lib").mkdir()
        for name, text in (("pipeline.yaml", DOCUMENT), ("model.py", MODEL), ("lib/units.py", "UNITS = 2\n")):
            (folder / name).write_text(text)
        self.folder, self.output = folder, folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                COMMAND,
                cwd=folder,
                stdout=output,
                stderr=output,
                process_group=0,
                env=importing(),
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def waits(self, times: int) -> None:
        """Waits until it has come to its end so many times."""
        until(lambda: self.text.count("a save starts the run") >= times, LONG)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    one = Watched(tmp_path_factory.mktemp("watched"))
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def test_1_the_first_run_runs(watched: Watched) -> None:
    watched.waits(1)
    assert "is complete" in watched.text
    assert (
        "Watching 3 files" in watched.text
    )  # the document, the model and what it imports; its schema is not there yet


def test_2_a_save_of_an_imported_module_runs_again_and_says_what_changed(watched: Watched) -> None:
    (watched.folder / "lib" / "units.py").write_text("UNITS = 3\n")
    watched.waits(2)
    assert "Saved: units.py." in watched.text
    assert watched.text.count("is complete") == 2
    assert "Changed since run" in watched.text


def test_3_a_document_with_a_fault_is_told_and_waited_for(watched: Watched) -> None:
    document = watched.folder / "pipeline.yaml"
    document.write_text(DOCUMENT.replace("epochs: 2", "epoch: 2"))
    watched.waits(3)
    assert "unknown key 'epoch'" in watched.text
    document.write_text(DOCUMENT)
    watched.waits(4)
    assert "Nothing to do: the result of this document is up to date" in watched.text


def test_4_ctrl_c_ends_it(watched: Watched) -> None:
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(60) == 130
    assert "ended by Ctrl-C" in watched.text
