"""The messages of TF Serving's gRPC interface, without TensorFlow.

`tensorflow-serving-api` has them too, but its modules import TensorFlow's, and those all of TensorFlow: five seconds of
processor time before the first request. Here they are built when the client starts, in a pool of their own, so that
they stand beside the official ones in one process. They name only what the client reads or writes; a test holds every
field against the official descriptors.

In `TensorProto` the packed fields of fixed size are declared `bytes`: on the wire both are the same (a length and then
the little-endian numbers), and NumPy reads them without making a Python object of each.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "penstock.client"

SCHEMA: Final = """
message TensorShape { repeated Dim dim = 2; bool unknown_rank = 3; }
message Dim { int64 size = 1; }
message TensorProto {
  int32 dtype = 1; TensorShape tensor_shape = 2; bytes tensor_content = 4;
  repeated int32 half_val = 13; bytes float_val = 5; bytes double_val = 6; repeated int32 int_val = 7;
  repeated bytes string_val = 8; bytes scomplex_val = 9; repeated int64 int64_val = 10; repeated bool bool_val = 11;
  bytes dcomplex_val = 12; repeated uint32 uint32_val = 16; repeated uint64 uint64_val = 17;
}
message Int64Value { int64 value = 1; }
message Any { string type_url = 1; bytes value = 2; }
message ModelSpec { string name = 1; Int64Value version = 2; string signature_name = 3; string version_label = 4; }

message PredictRequest { ModelSpec model_spec = 1; map<TensorProto> inputs = 2; repeated string output_filter = 3; }
message PredictResponse { map<TensorProto> outputs = 1; ModelSpec model_spec = 2; }
message PredictLog { PredictRequest request = 1; }
message PredictionLog { PredictLog predict_log = 6; }

message BytesList { repeated bytes value = 1; }
message FloatList { repeated float value = 1; }
message Int64List { repeated int64 value = 1; }
message Feature { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; }
message Features { map<Feature> feature = 1; }
message Example { Features features = 1; }
message ExampleList { repeated Example examples = 1; }
message ExampleListWithContext { repeated Example examples = 1; Example context = 2; }
message Input { ExampleList example_list = 1; ExampleListWithContext example_list_with_context = 2; }

message Class { string label = 1; float score = 2; }
message Classifications { repeated Class classes = 1; }
message ClassificationResult { repeated Classifications classifications = 1; }
message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
message ClassificationResponse { ClassificationResult result = 1; ModelSpec model_spec = 2; }
message Regression { float value = 1; }
message RegressionResult { repeated Regression regressions = 1; }
message RegressionRequest { ModelSpec model_spec = 1; Input input = 2; }
message RegressionResponse { RegressionResult result = 1; ModelSpec model_spec = 2; }
message InferenceTask { ModelSpec model_spec = 1; string method_name = 2; }
message InferenceResult {
  ModelSpec model_spec = 1; ClassificationResult classification_result = 2; RegressionResult regression_result = 3;
}
message MultiInferenceRequest { repeated InferenceTask tasks = 1; Input input = 2; }
message MultiInferenceResponse { repeated InferenceResult results = 1; }

message TensorInfo { string name = 1; int32 dtype = 2; TensorShape tensor_shape = 3; }
message SignatureDef {
  map<TensorInfo> inputs = 1; map<TensorInfo> outputs = 2; string method_name = 3; map<TensorProto> defaults = 4;
}
message SignatureDefMap { map<SignatureDef> signature_def = 1; }
message GetModelMetadataRequest { ModelSpec model_spec = 1; repeated string metadata_field = 2; }
message GetModelMetadataResponse { ModelSpec model_spec = 1; map<Any> metadata = 2; }

message StatusProto { int32 error_code = 1; string error_message = 2; }
message ModelVersionStatus { int64 version = 1; int32 state = 2; StatusProto status = 3; }
message GetModelStatusRequest { ModelSpec model_spec = 1; }
message GetModelStatusResponse { repeated ModelVersionStatus model_version_status = 1; }
message ReloadConfigRequest { bytes config = 1; }
message ReloadConfigResponse { StatusProto status = 1; }
"""
"""As in a .proto file; `map<X>` is a map from string, and an enumeration is the int32 that it is on the wire."""

_MESSAGE: Final = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
_FIELD: Final = re.compile(r"(repeated )?(map<)?(\w+)>? (\w+) = (\d+);")
_F: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    name: getattr(_F, f"TYPE_{name.upper()}")
    for name in ("int32", "int64", "uint32", "uint64", "float", "bool", "string", "bytes")
}


@cache
def message(name: str) -> Any:
    """Returns the class of a message."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="penstock/client.proto", package=_PACKAGE, syntax="proto3")
    for name, body in _MESSAGE.findall(SCHEMA):
        kind = file.message_type.add(name=name)
        for repeated, is_map, of, field, number in _FIELD.findall(body):
            added = kind.field.add(name=field, number=int(number))
            added.label = _F.LABEL_REPEATED if repeated or is_map else _F.LABEL_OPTIONAL
            _set_type(added, _map_entry(kind, name, field, of) if is_map else of)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _set_type(field: Any, of: str) -> None:
    if of in _SCALARS:
        field.type = _SCALARS[of]
    else:
        field.type, field.type_name = _F.TYPE_MESSAGE, f".{_PACKAGE}.{of}"


def _map_entry(kind: Any, owner: str, field: str, of: str) -> str:
    name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    entry = kind.nested_type.add(name=name)
    entry.options.map_entry = True
    _set_type(entry.field.add(name="key", number=1, label=_F.LABEL_OPTIONAL), "string")
    _set_type(entry.field.add(name="value", number=2, label=_F.LABEL_OPTIONAL), of)
    return f"{owner}.{name}"
