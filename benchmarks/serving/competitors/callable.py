"""The floor for every server: the bare callable of a v1 session; prints microseconds per call for each batch size."""

import json
import sys
import time

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1


def main() -> None:
    folder, columns_by_rows = sys.argv[1], json.loads(sys.stdin.read())
    with v1.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.load(session, ["serve"], folder)
        signature = meta.signature_def["serving_default"]
        options = config_pb2.CallableOptions()
        names = sorted(signature.inputs)
        options.feed.extend(signature.inputs[name].name for name in names)
        options.fetch.extend(info.name for info in signature.outputs.values())
        run = session._make_callable_from_options(options)
        print(
            json.dumps(
                {rows: _time(run, signature, names, columns) for rows, columns in columns_by_rows.items()}
            )
        )


def _time(run, signature, names, columns) -> float:
    feeds = [np.asarray(columns[n], tf.as_dtype(signature.inputs[n].dtype).as_numpy_dtype) for n in names]
    for _ in range(200):
        run(*feeds)
    times = []
    for _ in range(1500):
        begin = time.perf_counter()
        run(*feeds)
        times.append(time.perf_counter() - begin)
    return float(np.median(times) * 1e6)


main()
