"""An earlier model is not asked about documents that lack what it reads."""

from __future__ import annotations

import pytest

from components.mongo_example_gen.result import FieldCounts, Ingestion

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import tensorflow as tf

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            spec = {"x": tf.io.VarLenFeature(tf.float32), "kind": tf.io.VarLenFeature(tf.string)}
            parsed = tf.io.parse_example(examples, spec)
            kinds = tf.sparse.to_dense(tf.sparse.reset_shape(parsed["kind"], [tf.size(examples), 1]))
            told = tf.cast(kinds[:, 0] == "yes", tf.float32)
            return {"probability": tf.sigmoid(tf.sparse.to_dense(parsed["x"])[:, 0] + told)}

    folder = tmp_path_factory.mktemp("model")
    served = Served()
    tf.saved_model.save(served, str(folder), signatures={"serving_examples": served.serve})
    return str(folder)


def examples(folder, fields, kind):
    """Writes a shard of three documents, and the report of an ingestion that read these fields."""
    import tensorflow as tf

    shard = folder / "data_tfrecord-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(shard), "GZIP") as writer:
        for i in range(3):
            example = tf.train.Example()
            example.features.feature["x"].float_list.value.append(i)
            kind(example.features.feature)
            writer.write(example.SerializeToString())
    Ingestion(fields=tuple(FieldCounts(name) for name in fields)).write(folder)
    return [shard]


def unfit(model, folder, fields, kind):
    from components.bulk_inferrer.fit import why_unfit

    return why_unfit(model, str(folder), examples(folder, fields, kind))


def test_a_feature_that_the_document_no_longer_reads_is_told(tmp_path, model):
    assert unfit(model, tmp_path, ["x"], lambda features: None) == "it reads kind, which no row has"


def test_a_feature_that_is_read_may_have_no_value(tmp_path, model):
    assert unfit(model, tmp_path, ["x", "kind"], lambda features: None) == ""


def test_a_feature_of_another_type_is_told(tmp_path, model):
    found = unfit(
        model, tmp_path, ["x", "kind"], lambda features: features["kind"].int64_list.value.append(1)
    )
    assert found == "it reads kind as text, now whole numbers"
