"""Free memory, and a process's own."""

from __future__ import annotations

from pathlib import Path

from foundation.processes import memory


def test_a_control_groups_limit_counts(tmp_path: Path) -> None:
    assert memory._of_group(tmp_path) is None
    for name, text in (
        ("memory.max", "1000"),
        ("memory.current", "900"),
        ("memory.stat", "anon 5\ninactive_file 50"),
    ):
        (tmp_path / name).write_text(text, encoding="ascii")
    assert memory._of_group(tmp_path) == 150
    (tmp_path / "memory.max").write_text("max", encoding="ascii")
    assert memory._of_group(tmp_path) is None


def test_a_process_knows_what_it_holds() -> None:
    resident, private, peak = memory.resident(), memory.private(), memory.peak()
    assert resident
    assert private
    assert peak
    assert 0 < private <= resident <= peak
