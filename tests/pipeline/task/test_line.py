"""The last line: one line of JSON, short, without secrets, whatever has happened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.task.ended import Ended
from pipeline.task.line import LIMIT, line, secrets_of

KEYS = "penstock run node state execution attempt span seconds overhead counted withheld decided report model error retry"
texts = st.text(max_size=5000)
endings = st.builds(
    Ended,
    st.sampled_from(["done", "cached", "skipped", "failed"]),
    counted=st.dictionaries(texts, st.integers(0, 10**15), max_size=40),
    withheld=texts,
    decided=texts,
    error=texts,
    model=texts,
    seconds=st.floats(0, 1e9),
    code=st.sampled_from([0, 5, 75, 143]),
)


@given(ended=endings, run=texts, node=texts, report=texts)
def test_it_is_one_short_line_of_json_with_every_key(ended: Ended, run: str, node: str, report: str) -> None:
    said = line(ended, run=run, node=node, span=1, report=report)

    value = json.loads(said)
    assert "\n" not in said and len(said.encode()) < LIMIT
    assert " ".join(value) == KEYS
    assert value["state"] == ended.state and value["retry"] == (ended.code == 75)


@given(
    secret=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=4, max_size=40
    ),
    before=texts,
    after=texts,
)
def test_no_secret_is_told_wherever_it_stands(secret: str, before: str, after: str) -> None:
    ended = Ended("failed", error=f"{before}{secret}{after}", withheld=secret, decided=secret + after)
    told: dict[str, Any] = json.loads(
        line(ended, run=secret, node="n", span=None, report=f"s3://{secret}/x", hidden=[secret])
    )

    visible = [told[key] for key in ("error", "withheld", "decided", "run", "report")]
    assert not any(secret in text.replace("***", "") for text in visible)


@pytest.mark.parametrize(
    "name",
    ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PENSTOCK_MONGODB_URI", "MY_API_KEY", "DB_PWD"],
)
def test_variables_that_hold_secrets_are_known_by_their_names(name: str) -> None:
    assert secrets_of({name: "hidden", "HOME": "/root"}) == ["hidden"]


def test_a_variable_that_the_document_names_is_secret_whatever_its_name() -> None:
    assert secrets_of({"FRUIT": "hidden"}, ["FRUIT"]) == ["hidden"]


def test_user_and_password_in_an_address_are_not_told() -> None:
    ended = Ended("failed", error="no answer from postgresql://me:pa55@db:5432/x")

    assert "pa55" not in line(ended, run="r", node="n", span=None, report="")
