"""Options are understood in every way in which Beam's command line takes them, and reach Beam in one."""

from __future__ import annotations

import pytest

from pipeline.engines.dataflow.options import in_one_word, read_options


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param(["--project=p"], ["--project=p"], id="a sign"),
        pytest.param(["--project p"], ["--project=p"], id="a space"),
        pytest.param(["--project", "p"], ["--project=p"], id="the next entry"),
        pytest.param(["--no_auth", "p"], ["--no_auth", "p"], id="a switch takes none"),
        pytest.param(["--unknown", "--project=p"], ["--unknown", "--project=p"], id="none before the next"),
        pytest.param(["--labels=a=b c"], ["--labels=a=b c"], id="a space in a value"),
        pytest.param(["p"], ["p"], id="a value of nothing"),
    ],
)
def test_values_stand_with_their_names(args: list[str], words: list[str]) -> None:
    assert in_one_word(args) == words


def test_other_names_mean_the_same_and_several_values_are_kept() -> None:
    found = read_options(
        ["--machine_type=a", "--label=x=1", "--labels=y=2", "--num_workers=1", "--num_workers=2", "z"]
    )
    assert found["worker_machine_type"] == "a"
    assert found.all("labels") == ("x=1", "y=2")
    assert found["num_workers"] == "2"
    assert found.stray == ("z",)
    assert "region" not in found
    assert found["region"] == ""
