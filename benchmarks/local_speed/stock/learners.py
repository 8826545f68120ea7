"""The module file of the stock pipeline: ``preprocessing_fn`` and ``run_fn``, after TFX's Chicago taxi example.

What differs from the example is what Keras 3 needs (``import keras``; the graph of Transform is applied as raw features
and kept on a ``tf.Module``), and seeds. Features, model, optimizer and steps are those of ``../pipeline.yaml``.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import DataAccessor, FnArgs
from tfx_bsl.public import tfxio

LABEL = "retained_d7"
ZSCORES = ("age", "mean_score")
LOG_ZSCORES = ("lessons", "minutes", "streak", "days_idle")
IDENTITIES = ("notifications",)
VOCABULARIES = {"country": 50, "device": 10, "plan": 10, "referrer": 20, "goal": 20}
BUCKETS = {"age": 8, "streak": 6, "days_idle": 6, "signup_at": 6}
OOV_BUCKETS = 1

BATCH_SIZE = 256
LEARNING_RATE = 0.003
HIDDEN = (64, 32)
EMBEDDING = 8


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Turns raw features into what the model sees; called by Transform."""
    outputs = {}
    for key in ZSCORES:
        outputs[f"{key}_zscore"] = _dense(tft.scale_to_z_score(_float(inputs[key])))
    for key in LOG_ZSCORES:
        number = _float(inputs[key])
        logarithm = tf.SparseTensor(number.indices, tf.math.log1p(number.values), number.dense_shape)
        outputs[f"{key}_log_zscore"] = _dense(tft.scale_to_z_score(logarithm))
    for key in IDENTITIES:
        outputs[f"{key}_identity"] = _dense(_float(inputs[key]))
    for key, top_k in VOCABULARIES.items():
        outputs[f"{key}_vocabulary"] = tft.compute_and_apply_vocabulary(
            _dense(inputs[key]), top_k=top_k, num_oov_buckets=OOV_BUCKETS
        )
    for key, buckets in BUCKETS.items():
        # A missing value has a bucket of its own, 0.
        bucketed = tft.bucketize(inputs[key], buckets)
        outputs[f"{key}_buckets"] = _dense(
            tf.SparseTensor(bucketed.indices, bucketed.values + 1, bucketed.dense_shape)
        )
    outputs[LABEL] = _dense(inputs[LABEL])
    return outputs


def _float(sparse: tf.SparseTensor) -> tf.SparseTensor:
    return tf.cast(sparse, tf.float32)


def _dense(sparse: tf.SparseTensor) -> tf.Tensor:
    """Fills in missing values with 0 or the empty text."""
    default = "" if sparse.dtype == tf.string else tf.cast(0, sparse.dtype)
    column = tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model and saves it with its signatures; called by Trainer."""
    seed = fn_args.custom_config["seed"]
    keras.utils.set_random_seed(seed)
    output = tft.TFTransformOutput(fn_args.transform_output)
    train = _input_fn(fn_args.train_files, fn_args.data_accessor, output, seed)
    validation = _input_fn(fn_args.eval_files, fn_args.data_accessor, output, seed)
    model = _build_model()
    model.fit(
        train,
        steps_per_epoch=fn_args.train_steps,
        validation_data=validation,
        validation_steps=fn_args.eval_steps,
        callbacks=[keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, update_freq="epoch")],
        verbose=2,
    )
    model.tft_layer = output.transform_features_layer()
    signatures = {
        "serving_default": _serving_signature(model, output),
        "transform_features": _transform_signature(model, output),
    }
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=signatures)


def _input_fn(
    files: list[str], accessor: DataAccessor, output: tft.TFTransformOutput, seed: int
) -> tf.data.Dataset:
    options = tfxio.TensorFlowDatasetOptions(batch_size=BATCH_SIZE, label_key=LABEL, shuffle_seed=seed)
    return accessor.tf_dataset_factory(files, options, output.transformed_metadata.schema).repeat()


def _build_model() -> keras.Model:
    """Builds the wide-and-deep model: a weight for each number and id beside two hidden layers over all of them."""
    numbers = [f"{k}_zscore" for k in ZSCORES]
    numbers += [f"{k}_log_zscore" for k in LOG_ZSCORES] + [f"{k}_identity" for k in IDENTITIES]
    sizes = {f"{k}_vocabulary": size + OOV_BUCKETS for k, size in VOCABULARIES.items()}
    sizes |= {f"{k}_buckets": size + 1 for k, size in BUCKETS.items()}
    inputs = {name: keras.Input((1,), name=name, dtype="float32") for name in numbers}
    inputs |= {name: keras.Input((1,), name=name, dtype="int64") for name in sizes}
    dense = keras.layers.concatenate([inputs[name] for name in numbers])
    wide = [keras.layers.Dense(1)(dense)]
    deep = [dense]
    for name, size in sizes.items():
        weight = keras.layers.Embedding(size, 1, embeddings_initializer="zeros")(inputs[name])
        wide.append(keras.layers.Flatten()(weight))
        deep.append(keras.layers.Flatten()(keras.layers.Embedding(size, EMBEDDING)(inputs[name])))
    hidden = keras.layers.concatenate(deep)
    for units in HIDDEN:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    logits = keras.layers.add([*wide, keras.layers.Dense(1)(hidden)])
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(logits))
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        metrics=[keras.metrics.AUC(name="auc"), keras.metrics.BinaryAccuracy(name="accuracy")],
    )
    return model


def _serving_signature(model: keras.Model, output: tft.TFTransformOutput) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_tf_examples_fn(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = output.raw_feature_spec()
        spec.pop(LABEL)
        return {"outputs": model(model.tft_layer(tf.io.parse_example(examples, spec)))}

    return serve_tf_examples_fn


def _transform_signature(model: keras.Model, output: tft.TFTransformOutput) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features_fn(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.tft_layer(tf.io.parse_example(examples, output.raw_feature_spec()))

    return transform_features_fn
