"""The saved Transform graph, applied to raw tensors: the same for training data and in the served model.

TFT's ``TransformFeaturesLayer`` is a Keras 2 layer, so this uses the ``SavedModelLoader`` underneath it. The loader's
tables and its map from inputs to outputs have no public names; only this file reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from components.trainer.entry import Entry
from components.trainer.features import FeatureDescription, describe, describe_columns
from components.trainer.matrices import Matrices
from components.transform.columns import to_sparse
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
        """Transforms raw tensors into features by name.

        Args:
            raw: Feature → raw tensor; the label may be missing.

        Returns:
            Feature → transformed tensor, and the label, if it was given.
        """
        matrices, label = self.rows(raw)
        return self.matrices.unpack(matrices) | ({} if label is None else {self.label: label})

    def rows(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Rows:
        """Transforms raw tensors into what a model takes.

        Args:
            raw: Feature → raw tensor; the label may be missing.

        Returns:
            The matrices, and the transformed label; None without the raw label.
        """
        given = self._loader.apply_transform_model(dict(raw))
        outputs = {name: self._shaped(name, tensor) for name, tensor in given.items()}
        if self.layout is None:
            return Rows(self.matrices.pack(outputs), outputs.get(self.label))
        matrices = {MATRICES[kind]: outputs[name] for kind, name in self.layout.matrices.items()}
        return Rows(matrices, outputs.get(self.label))

    @cached_property
    def of_examples(self) -> Callable[[tf.Tensor], Rows]:
        """Transforms serialized tf.Examples with their label, ``[batch]``; traced once for all splits."""
        text = tf.TensorSpec([None], tf.string)

        def transform(serialized: tf.Tensor) -> Rows:
            return self.rows(self.parse(serialized, with_label=True))

        return tf.function(transform, input_signature=[text], autograph=False)  # type: ignore[no-any-return]

    @cached_property
    def _entry(self) -> Entry | None:
        """The way past the inputs of each field, if the graph has one."""
        if self.layout is None:
            return None
        fields: dict[tf.DType, list[str]] = {}
        for name in self.used():
            fields.setdefault(self.raw_spec[name].dtype, []).append(name)
        outputs = {
            MATRICES[kind]: self._loader.structured_outputs[name]
            for kind, name in self.layout.matrices.items()
        }
        entry = Entry(self._loader._func_graph, fields, outputs)
        return entry if entry.exists else None

    def begin(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
        """Begins to transform raw tensors without the label, up to where all ways of giving them are alike.

        Args:
            raw: Feature → raw tensor, sparse or dense, sentinels included.

        Returns:
            Few tensors, for ``finish``.
        """
        return self._entry.join(raw) if self._entry else self.rows(to_raw(raw, self.raw_spec)).matrices

    def finish(self, begun: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the matrices of what ``begin`` returned; called in a function that is traced, of which one will do."""
        return self._entry.matrices(begun) if self._entry else dict(begun)

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


def to_raw(given: Mapping[str, tf.Tensor | tf.SparseTensor], specs: Mapping[str, RawSpec]) -> RawTensors:
    """Turns served tensors into Transform's raw inputs; Transform drops the sentinels.

    Scalars of one type become sparse together: they share the places of their values, so that one more scalar costs no
    operation, and the stack refuses tensors of different lengths.

    Args:
        given: Feature → ``[batch]`` or ``[batch, width]``; one that is sparse already stays as it is.
        specs: Feature → how Transform takes it.
    """
    raw: RawTensors = {}
    scalars: dict[tf.DType, list[str]] = {}
    for name, tensor in given.items():
        spec = specs[name]
        if isinstance(tensor, tf.SparseTensor):
            raw[name] = tensor
        elif isinstance(spec, tf.io.FixedLenFeature):
            raw[name] = tf.reshape(tensor, [-1, *spec.shape])
        elif tensor.shape.rank == 1:
            scalars.setdefault(tensor.dtype, []).append(name)
        else:
            raw[name] = to_sparse(tensor)
    for names in scalars.values():
        columns = tf.unstack(tf.stack([given[name] for name in names]), num=len(names))
        one = to_sparse(columns[0])
        raw |= {name: one.with_values(values) for name, values in zip(names, columns, strict=True)}
    return raw


def _parts(tensor: tf.Tensor | tf.SparseTensor) -> list[tf.Tensor]:
    return tf.nest.flatten(tensor, expand_composites=True)
