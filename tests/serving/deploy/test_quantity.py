"""Quantities are compared as Kubernetes compares them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import SpecError
from serving.deploy.quantity import amount, cores, memory_bytes
from serving.deploy.reader import parse_document

# From the table and examples of k8s.io/apimachinery/pkg/api/resource.
KNOWN = {
    "1": "1", "0.5": "0.5", ".5": "0.5", "2.": "2", "500m": "0.5", "1500u": "0.0015", "3n": "3e-9",
    "1k": "1e3", "2M": "2e6", "1.5G": "1.5e9", "1T": "1e12", "1P": "1e15", "1E": "1e18", "1Ki": "1024",
    "128Mi": "134217728", "1.5Gi": "1610612736", "1Ti": "1099511627776", "1Ei": "1152921504606846976",
    "1e3": "1000", "12E-1": "1.2", "1E3": "1000",
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), KNOWN.items())
def test_a_quantity_is_a_number(text: str, number: str) -> None:
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "1K", "-1", "1e", "1e999", "1mi", "nan"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        amount(text)


def test_compose_gets_whole_bytes_and_thousandths_of_cores() -> None:
    assert [cores(text) for text in ("500m", "2", "1.25", "1e1", "100001n")] == [
        "0.5",
        "2",
        "1.25",
        "10",
        "0.001",
    ]
    assert [memory_bytes(text) for text in ("2Gi", "1.5k", "1.0001k")] == [2**31, 1500, 1001]


UNITS = st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi"])
QUANTITIES = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 5000), UNITS)


@given(QUANTITIES, QUANTITIES)
def test_a_limit_below_the_reserved_amount_is_refused_and_no_other(reserved: str, limit: str) -> None:
    text = f"name: a\nmodels: {{m: {{}}}}\nresources: {{memory: {reserved}, memory_limit: {limit}}}\n"
    try:
        parse_document(text, "serving.yaml")
    except SpecError as error:
        assert amount(limit) < amount(reserved)
        assert "resources.memory_limit" in str(error)
    else:
        assert amount(limit) >= amount(reserved)
