"""The document of experiments among the server's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving.server.config import flags
from serving.server.status import ServingError

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """
state: {sqlite: state.db}
experiments:
  e: {model: m, control: old, arms: {old: {version: 1}, new: {%s}}}
backends: {far: {grpc: "127.0.0.1:1"}}
"""


def options(folder: Path, arm: str, *more: str) -> flags.Options:
    path = folder / "experiments.yaml"
    path.write_text(DOCUMENT % arm)
    given = ("--model_name=m", f"--model_base_path={folder}", f"--experiments={path}", *more)
    return flags.check(flags.parse(given)[0])


def test_all_versions_are_served_if_arms_name_versions(tmp_path: Path) -> None:
    config = options(tmp_path, "version: 2").model_config
    assert config is not None
    assert [model.policy.kind for model in config.models] == ["all"]
    other = options(tmp_path, "version: 2", "--model_name=other").model_config
    assert other is not None
    assert [model.policy.kind for model in other.models] == ["latest"]


def test_an_arm_on_a_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ServingError, match=r"arms.new.backend: expected none, .*seen: far; remedy: leave it out"
    ):
        options(tmp_path, "backend: far")


def test_a_missing_document_is_refused(tmp_path: Path) -> None:
    given = (f"--model_base_path={tmp_path}", f"--experiments={tmp_path / 'nothing.yaml'}")
    with pytest.raises(ServingError, match=r"--experiments: .*nothing.yaml"):
        flags.check(flags.parse(given)[0])
