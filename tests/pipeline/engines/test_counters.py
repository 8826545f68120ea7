from __future__ import annotations

from pipeline.engines import counters


def test_what_several_pipelines_of_a_node_counted_is_summed_and_taken_once() -> None:
    counters.taken()
    counters.add({"documents": 3, "bytes": 10})
    counters.add({"documents": 4})
    assert counters.taken() == {"documents": 7, "bytes": 10}
    assert counters.taken() == {}
