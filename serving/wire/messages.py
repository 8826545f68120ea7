"""Messages that read TF Serving's requests off the wire faster than its own classes do.

A packed `repeated float` has the wire type of `bytes`. These messages have the same field numbers, and declare packed
fields and small sub-messages as `repeated bytes`: NumPy reads the numbers where they lie, a shape or a ModelSpec is
a key to look up. Several parts of one field are joined, which is what protobuf's merging comes to. Elements that are
sent unpacked land in the unknown fields, see `tensors`.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "penstock.wire"
_TENSOR_BYTES: Final = {
    "tensor_shape": 2,
    "tensor_content": 4,
    "float_val": 5,
    "double_val": 6,
    "int_val": 7,
    "string_val": 8,
    "scomplex_val": 9,
    "int64_val": 10,
    "bool_val": 11,
    "dcomplex_val": 12,
    "half_val": 13,
    "uint32_val": 16,
    "uint64_val": 17,
}


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="penstock/wire.proto", package=_PACKAGE, syntax="proto3")
    tensor = file.message_type.add(name="Tensor")
    _add(tensor, "dtype", 1, _FIELD.TYPE_INT32)
    for name, number in _TENSOR_BYTES.items():
        _add(tensor, name, number, _FIELD.TYPE_BYTES, repeated=True)
    dim = file.message_type.add(name="Dim")
    _add(dim, "size", 1, _FIELD.TYPE_INT64)
    shape = file.message_type.add(name="Shape")
    _add(shape, "dim", 2, _FIELD.TYPE_MESSAGE, repeated=True, message="Dim")
    _add(shape, "unknown_rank", 3, _FIELD.TYPE_BOOL)
    # A map on the wire is a repeated message of key and value.
    entry = file.message_type.add(name="Entry")
    _add(entry, "key", 1, _FIELD.TYPE_STRING)
    _add(entry, "value", 2, _FIELD.TYPE_MESSAGE, message="Tensor")
    request = file.message_type.add(name="PredictRequest")
    _add(request, "model_spec", 1, _FIELD.TYPE_BYTES, repeated=True)
    _add(request, "inputs", 2, _FIELD.TYPE_MESSAGE, repeated=True, message="Entry")
    _add(request, "output_filter", 3, _FIELD.TYPE_STRING, repeated=True)
    _build_inputs(file)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Tensor", "Shape", "PredictRequest", "ExampleRequest", "Input")
    }


def _build_inputs(file: Any) -> None:
    """ClassificationRequest and RegressionRequest are alike: a ModelSpec and an Input, whose examples stay bytes."""
    examples = file.message_type.add(name="Examples")
    _add(examples, "examples", 1, _FIELD.TYPE_BYTES, repeated=True)
    with_context = file.message_type.add(name="ExamplesWithContext")
    _add(with_context, "examples", 1, _FIELD.TYPE_BYTES, repeated=True)
    _add(with_context, "context", 2, _FIELD.TYPE_BYTES, repeated=True)
    given = file.message_type.add(name="Input")
    given.oneof_decl.add(name="kind")
    for name, number, message in (
        ("example_list", 1, "Examples"),
        ("example_list_with_context", 2, "ExamplesWithContext"),
    ):
        _add(given, name, number, _FIELD.TYPE_MESSAGE, message=message)
        given.field[-1].oneof_index = 0
    request = file.message_type.add(name="ExampleRequest")
    _add(request, "model_spec", 1, _FIELD.TYPE_BYTES, repeated=True)
    _add(request, "input", 2, _FIELD.TYPE_MESSAGE, message="Input")


def _add(
    message_type: Any, name: str, number: int, kind: Any, *, repeated: bool = False, message: str = ""
) -> None:
    field = message_type.field.add(name=name, number=number, type=kind)
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if message:
        field.type_name = f".{_PACKAGE}.{message}"


_CLASSES: Final = _build()
Tensor: Final = _CLASSES["Tensor"]
Shape: Final = _CLASSES["Shape"]
PredictRequest: Final = _CLASSES["PredictRequest"]
ExampleRequest: Final = _CLASSES["ExampleRequest"]
Input: Final = _CLASSES["Input"]
