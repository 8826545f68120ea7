"""Which arguments Beam gets."""

from __future__ import annotations

import pytest

from pipeline.document.models import RunConfig
from pipeline.runners.beam import BYTES_WORTH_A_SECOND_PROCESS, beam_args, reading_args

LARGE = BYTES_WORTH_A_SECOND_PROCESS


def test_the_local_engine_is_named_and_builds_no_distribution() -> None:
    args = beam_args(RunConfig())
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
    assert ("--direct_running_mode=multi_processing" in reading_args(run, size)) is several


def test_other_engines_get_what_the_document_says() -> None:
    run = RunConfig(beam="dataflow", beam_args=["--project=p"])
    assert beam_args(run) == reading_args(run, LARGE) == ["--runner=DataflowRunner", "--project=p"]
