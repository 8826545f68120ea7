"""A second set-up finds that nothing is to do; an interrupted one is not taken for a finished one."""

import bootstrap_state
import pytest


def test_a_record_is_read_back(environment):
    state = bootstrap_state.current(environment)
    bootstrap_state.write(environment, state)
    assert bootstrap_state.read(environment) == state
    assert [path.name for path in environment.own.iterdir() if "state" in path.name] == ["state.json"]


def test_no_environment_no_record(layout):
    assert bootstrap_state.read(layout) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"environment": "1"}', '{"unknown": 1}'])
def test_a_damaged_record_counts_as_none(environment, text):
    environment.state.write_text(text)
    assert bootstrap_state.read(environment) is None


def test_a_forgotten_record_is_gone(environment):
    bootstrap_state.write(environment, bootstrap_state.current(environment))
    bootstrap_state.forget(environment)
    bootstrap_state.forget(environment)
    assert bootstrap_state.read(environment) is None


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
    before = bootstrap_state.current(layout)
    (layout.root / changed).write_text("changed")
    after = bootstrap_state.current(layout)
    differing = {
        name
        for name in ("environment", "packages", "project")
        if getattr(before, name) != getattr(after, name)
    }
    assert differing == {part}


def test_a_moved_repository_needs_a_new_environment(layout, tmp_path):
    before = bootstrap_state.current(layout)
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    after = bootstrap_state.current(type(layout)(moved))
    assert before.environment != after.environment
    assert before.packages == after.packages
