"""The saved Transform graph, applied to raw tensors: the same for training data and in the served model.

TFT's ``TransformFeaturesLayer`` is a Keras 2 layer, so this uses the ``SavedModelLoader`` underneath it. The loader's
tables and its map from inputs to outputs have no public names; only this file reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from components.trainer.features import FeatureDescription, describe, describe_columns
from components.trainer.matrices import Matrices
from components.transform.layout import MATRICES, Layout, read_layout

RawSpec: TypeAlias = tf.io.VarLenFeature | tf.io.FixedLenFeature
RawTensors: TypeAlias = dict[str, tf.Tensor | tf.SparseTensor]
"""Raw feature → tensor."""


class Rows(NamedTuple):
    """Transformed rows.

    Attributes:
        matrices: Name of a matrix (``components.trainer.matrices``) → matrix.
        label: The transformed label, or None.
    """

    matrices: dict[str, tf.Tensor]
    label: tf.Tensor | None


class TransformGraph:
    """Transform's output, ready to apply.

    Args:
        path: Folder of the ``transform_graph`` artifact.
        label: Name of the label.
    """

    def __init__(self, path: str, label: str) -> None:
        self.path = path
        self.output = tft.TFTransformOutput(path)
        self.label = label
        self.layout: Layout | None = read_layout(path)
        self.features: list[FeatureDescription] = (
            describe_columns(self.output, self.layout) if self.layout else describe(self.output, label)
        )
        self.matrices = Matrices.of(self.features)
        self._transformed_spec = self.output.transformed_feature_spec()
        self.raw_spec: dict[str, RawSpec] = self.output.raw_feature_spec()
        self._loader = SavedModelLoader(self.output.transform_savedmodel_dir)

        self._used = self._find_used()

    @property
    def resources(self) -> list[object]:
        """The graph's lookup tables and vocabulary files, which anything exported with it must hold."""
        imported = self._loader._imported
        return [imported.resources, imported.assets, imported.initializers, imported.created_variables]

    @property
    def label_type(self) -> tf.DType:
        """Type of the transformed label."""
        return self._transformed_spec[self.label].dtype

    def schema(self) -> schema_pb2.Schema:
        """Returns the schema of the raw data."""
        return self.output.raw_metadata.schema

    def used(self) -> list[str]:
        """Returns the raw features behind the model's inputs, without the label."""
        return list(self._used)

    def _find_used(self) -> list[str]:
        outputs = self.layout.matrices.values() if self.layout else [f.name for f in self.features]
        sources = {tensor.name for name in outputs for tensor in self._loader._output_to_inputs_map[name]}
        return [
            name
            for name, tensor in sorted(self._loader._structured_inputs.items())
            if name != self.label and any(part.name in sources for part in _parts(tensor))
        ]

    def apply(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
        """Transforms raw tensors.

        Args:
            raw: Feature → raw tensor; without the label, the transformed label is left out.

        Returns:
            Feature → transformed tensor with its static shape, and the label.
        """
        packed = self.apply_packed(raw)
        return unpacked(packed, self.layout) if self.layout else packed

    def apply_packed(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
        """Transforms raw tensors into matrices, whose columns the ``layout`` names; without one, as ``apply`` does.

        Args:
            raw: Feature → raw tensor; without the label, the transformed label is left out.

        Returns:
            Name of the matrix → ``[batch, columns]``, and the label.
        """
        transformed = self._loader.apply_transform_model(dict(raw))
        return {name: self._shaped(name, tensor) for name, tensor in transformed.items()}

    def rows(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Rows:
        """Transforms raw tensors into what a model takes.

        Args:
            raw: Feature → raw tensor; the label may be missing.

        Returns:
            The matrices, and the transformed label; None without the raw label.
        """
        packed = self.apply_packed(raw)
        if self.layout is None:
            return Rows(self.matrices.pack(packed), packed.get(self.label))
        named = {MATRICES[kind]: packed[name] for kind, name in self.layout.matrices.items()}
        return Rows(named, packed.get(self.label))

    def _shaped(self, name: str, tensor: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tensor, [None, *self._transformed_spec[name].shape])

    def parse(self, serialized: tf.Tensor, with_label: bool) -> RawTensors:
        """Parses serialized tf.Examples into the raw tensors that the graph uses.

        Args:
            serialized: String tensor ``[batch]``.
            with_label: Whether to parse the label too.
        """
        names = set(self.used()) | ({self.label} if with_label else set())
        return tf.io.parse_example(
            serialized, {name: self.raw_spec[name] for name in self.raw_spec if name in names}
        )


def unpacked(packed: Mapping[str, tf.Tensor], layout: Layout) -> dict[str, tf.Tensor]:
    """Returns feature → column, or columns of a bag, of the matrices; whatever else there is, as it is."""
    named = {name: tensor for name, tensor in packed.items() if name not in layout.matrices.values()}
    for kind, matrix in layout.matrices.items():
        columns = layout.of(kind)
        if kind == "bag":
            parts = tf.split(packed[matrix], [column.size for column in columns], axis=1)
        else:
            parts = tf.unstack(packed[matrix], num=len(columns), axis=1)
        named |= {column.name: part for column, part in zip(columns, parts, strict=True)}
    return named


def _parts(tensor: tf.Tensor | tf.SparseTensor) -> list[tf.Tensor]:
    return tf.nest.flatten(tensor, expand_composites=True)
