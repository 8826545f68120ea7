"""The launcher without TensorFlow and Beam: what is loaded, and what comes back when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = """
import sys
import pipeline.runners.node_executor
from pipeline.runners.light import HEAVY
assert not set(HEAVY) & set(sys.modules), set(HEAVY) & set(sys.modules)
from tfx.dsl.io import fileio
assert fileio.isdir("/")
assert not set(HEAVY) & set(sys.modules), "a local file was looked at"
"""
LATE = """
import pipeline.runners.light
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio

class Executor(base_beam_executor.BaseBeamExecutor):
    def Do(self, input_dict, output_dict, exec_properties):
        pass

pipeline = Executor()._make_beam_pipeline()
assert type(pipeline).__module__ == "apache_beam.pipeline"
found = fileio._get_filesystem("gs://bucket/file")
assert found.__name__ == "TensorflowFilesystem", found
"""
BESIDE_TENSORFLOW = """
import sys
import pipeline.runners.light
from tfx.utils import io_utils
import tensorflow
assert io_utils.generate_fingerprint("train", sys.executable)
"""


def _run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


EXECUTORS = [
    "components.evaluation_gate.executor",
    "components.infra_validator.executor",
    "components.mongo_example_gen.executor",
    "components.pusher.executor",
    "components.resolvers.strategies",
    "components.schema_gen.import_executor",
    "components.validation_gate.executor",
]
"""Of nodes that run no operation of TensorFlow."""


@pytest.mark.parametrize("module", EXECUTORS, ids=lambda module: module.split(".")[1])
def test_a_node_without_tensorflow_begins_without_it(module: str) -> None:
    _run(f"import pipeline.runners.node_executor, {module}, sys; assert 'tensorflow' not in sys.modules")


def test_the_launcher_loads_neither_tensorflow_nor_beam() -> None:
    _run(LIGHT)


@pytest.mark.component
def test_what_the_launcher_did_without_is_there_when_a_node_uses_it() -> None:
    _run(LATE)


@pytest.mark.component
def test_tfx_tells_the_length_of_a_local_file_once_tensorflow_is_loaded() -> None:
    _run(BESIDE_TENSORFLOW)
