"""Which arguments Beam gets on this machine."""

from __future__ import annotations

import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.local import BYTES_WORTH_A_SECOND_PROCESS, local_args

LARGE = BYTES_WORTH_A_SECOND_PROCESS


def test_the_local_engine_is_named_and_builds_no_distribution() -> None:
    args = local_args(RunConfig())
    assert args[0] == "--runner=FnApiRunner"
    assert "--direct_num_workers=1" in args
    assert "--sdk_container_image=none" in args


@pytest.mark.parametrize(
    ("run", "size", "several"),
    [
        pytest.param(RunConfig(), LARGE, True, id="a large export"),
        pytest.param(RunConfig(), LARGE - 1, False, id="a small one"),
        pytest.param(RunConfig(workers=1), LARGE, False, id="the document says one"),
        pytest.param(RunConfig(workers=3), 1, True, id="the document says three"),
    ],
)
def test_a_large_export_is_read_by_several_processes(
    run: RunConfig, size: int, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert ("--direct_running_mode=multi_processing" in local_args(run, size)) is several


def test_arguments_for_another_engine_are_not_the_local_ones() -> None:
    mixed = RunConfig(beam={"Transform": "flink"}, beam_args=["--flink_master=there:8081"])
    assert "--flink_master=there:8081" not in local_args(mixed)
    assert mixed.args("flink") == ["--flink_master=there:8081"]
    assert "--x=1" in local_args(RunConfig(beam_args=["--x=1"]))
