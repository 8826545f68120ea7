from __future__ import annotations

import pytest

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def infer():
    from components.schema_gen.infer import infer

    return infer


def statistics(rows, **texts):
    """Returns statistics of one split: feature → its distinct values, each once or more."""
    import pandas as pd
    import tensorflow_data_validation as tfdv

    return tfdv.generate_statistics_from_dataframe(
        pd.DataFrame({k: [v[i % len(v)] for i in range(rows)] for k, v in texts.items()})
    )


def test_many_distinct_values_get_no_list_and_few_get_a_lenient_one(infer):
    split = statistics(300, label=["yes", "no"], city=[f"c{i}" for i in range(150)], plan=["free", "paid"])
    by_name = {feature.name: feature for feature in infer([split], "label").feature}
    assert by_name["city"].WhichOneof("domain_info") is None
    assert by_name["plan"].distribution_constraints.min_domain_mass == 0.95
    assert not by_name["label"].HasField("distribution_constraints")


def test_every_split_passes_the_schema_even_if_a_feature_is_rare(infer):
    import tensorflow_data_validation as tfdv

    splits = [
        statistics(300, label=[0, 1], goal=["a", "b", None], rare=["x"] + [None] * 99),
        statistics(30, label=[0, 1], goal=["c", None, None]),
    ]
    schema = infer(splits, "label")
    assert [len(tfdv.validate_statistics(split, schema).anomaly_info) for split in splits] == [0, 0]


@pytest.mark.parametrize(
    ("splits", "message"), [(0, "holds documents"), (1, "label 'lable'")], ids=["no split", "no label"]
)
def test_missing_data_to_infer_from_is_a_data_error(infer, splits, message):
    from foundation.errors import DataError

    with pytest.raises(DataError, match=message):
        infer([statistics(10, label=[0, 1])] * splits, "lable")


def test_an_array_stays_an_array_if_every_document_happens_to_have_one_item(infer):
    split = statistics(20, label=[0, 1], topics=["a", "b"], plan=["free", "paid"])
    by_name = {feature.name: feature for feature in infer([split], "label", ["topics"]).feature}
    assert not by_name["topics"].HasField("value_count")
    assert by_name["plan"].value_count.max == 1
