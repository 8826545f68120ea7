"""The TFX component MongoExampleGen; ``executor`` does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel

from components.exports.fields import feature_name
from components.mongo_example_gen.executor import Executor
from components.own import OwnBeamComponent

if TYPE_CHECKING:
    from components.node import Build


class MongoExampleGen(OwnBeamComponent):
    """Turns a MongoDB export into splits of ``tf.Example`` records.

    ``config`` is the ``data`` slice of the document, ``fields`` is dotted path → field for everything that the document names,
    ``input_json`` the JSON of the ``ResolvedInput``; relative paths start in ``base_folder``. With ``labelled`` 0 the documents
    are to be predicted: no label is needed, there is one split, ``all``, and undeclared types are those of ``trained``.
    """

    PARAMETERS = {"config": str, "fields": str, "base_folder": str, "labelled": int, "input_json": str}
    INPUTS = {"trained": standard_artifacts.Examples}
    OPTIONAL = frozenset({"trained"})
    OUTPUTS = {"examples": standard_artifacts.Examples}
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)


def build(at: Build) -> MongoExampleGen:
    """Returns the node that reads the export to learn from."""
    return MongoExampleGen(
        config=at.document.data,
        fields=at.document.ingested_fields(),
        base_folder=at.folder,
        labelled=True,
        input_json=at.inputs.data.to_json(),
    )


def build_for_inference(at: Build, **channels: BaseChannel) -> MongoExampleGen:
    """Returns the node that reads the export to predict for; it needs no label, and types as they were learnt."""
    document, infer = at.document, at.inputs.infer
    assert infer is not None, "the node is part of the graph only with an export to predict for"
    fields = document.ingested_fields().items()
    return MongoExampleGen(
        config=document.data,
        fields={path: f for path, f in fields if feature_name(path, f) != document.data.label},
        base_folder=at.folder,
        labelled=False,
        input_json=infer.to_json(),
        **channels,
    )
