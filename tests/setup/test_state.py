"""A second set-up finds that nothing needs doing; an interrupted one is not taken for a finished one."""

import pytest

from scripts.bootstrap import state


def test_a_record_is_read_back(environment):
    wanted = state.current(environment)
    state.write(environment, wanted)
    assert state.read(environment) == wanted
    assert [path.name for path in environment.own.iterdir() if "state" in path.name] == ["state.json"]


def test_no_environment_no_record(layout):
    assert state.read(layout) == state.NOTHING


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '"environment packages project"', '{"environment": "1"}', '{"unknown": 1}'],
)
def test_a_damaged_record_counts_as_none(environment, text):
    environment.state.write_text(text)
    assert state.read(environment) == state.NOTHING


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ("requirements/lock.txt", "packages"),
        ("requirements/tools.txt", "packages"),
        ("pyproject.toml", "project"),
        ("setup.py", "project"),
    ],
)
def test_a_changed_file_concerns_one_part(layout, changed, part):
    before = state.current(layout)
    (layout.root / changed).write_text("changed")
    after = state.current(layout)
    assert {name for name in before if before[name] != after[name]} == {part}


def test_a_moved_repository_needs_a_new_environment(layout, tmp_path):
    before = state.current(layout)
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    after = state.current(type(layout)(moved))
    assert before["environment"] != after["environment"]
    assert before["packages"] == after["packages"]
