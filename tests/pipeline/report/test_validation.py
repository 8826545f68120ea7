"""The report gives the all-clear for what was compared, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.validation_gate.result import Distance, Finding, Validation
from pipeline.report import validation
from pipeline.report.write import render


def row(feature: str, outcome, note: str = "") -> Distance:
    value = None if outcome == "not measured" else 0.01
    return Distance(feature, "calibrated", "PSI", value, 0.02, outcome, note)


WITHIN, FEW = row("age", "within bound"), row("plan", "too few rows")
NOT = row("country", "not measured", "there is no earlier span")


def test_nothing_compared_is_no_all_clear():
    said = validation.note(Validation(drift=(NOT, replace(NOT, feature="minutes"))))
    assert said.tone == ""
    assert said.start == "Nothing found in what could be compared."
    assert "was not measured in country, minutes (there is no earlier span)" in said.rest
    assert "no drift" not in said.rest.lower()


@pytest.mark.parametrize(
    "rows", [(WITHIN, FEW), (FEW,), (WITHIN, NOT)], ids=["one too few", "too few", "one not"]
)
def test_what_could_not_be_told_is_said(rows):
    said = validation.note(Validation(train_test=rows))
    assert said.tone == ""
    assert rows[-1].feature in said.rest


def test_what_is_not_declared_is_not_said_to_hold():
    said = validation.note(Validation())
    assert (said.tone, said.start) == ("good", "Nothing found.")
    assert "Drift from the previous span is not checked: the document declares none." in said.rest


def test_all_compared_and_within_is_an_all_clear():
    said = validation.note(Validation(drift=(WITHIN,), train_test=(WITHIN,)))
    assert said.tone == "good"
    assert "No drift from the previous span beyond the bound in age." in said.rest


def test_beside_findings_only_what_holds_is_said():
    found = Finding("anomaly", "age", "a value", "none")
    said = validation.note(Validation(warnings=(found,), drift=(WITHIN,)))
    assert "matches its schema" not in said.rest
    assert "within" not in said.rest
    assert "No feature was found to leak the label." in said.rest


def test_the_page_says_so_too(run):
    page = render(replace(run, validation=Validation(drift=(NOT,))))
    assert "no drift" not in page.lower()
    assert "there is no earlier span" in page
    assert 'class="note good"><strong>Nothing found' not in page
    assert "<span>100.0%</span>" not in page
    assert "&gt;99.9%" in page
