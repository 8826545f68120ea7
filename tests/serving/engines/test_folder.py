"""Which folders can be served as a model."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from foundation.errors import DataError, PenstockError
from serving.engines.folder import model_name, served_folder
from serving.engines.ports import check_ports


def test_versions_are_served_where_they_are(models: Path) -> None:
    with served_folder(models) as folder:
        assert folder == models.resolve()
    assert model_name(models) == "learners"


def test_a_single_model_is_served_as_version_1_and_stays_as_it_was(models: Path) -> None:
    (models / "7" / "variables").mkdir()
    (models / "7" / "variables" / "v.index").write_bytes(b"v")
    with served_folder(models / "7") as folder:
        assert (folder / "1" / "saved_model.pb").is_file()
        linked = folder / "1" / "variables" / "v.index"
        assert (
            os.stat(linked).st_ino == os.stat(models / "7" / "variables" / "v.index").st_ino
            or linked.read_bytes()
        )
    assert not folder.exists()
    assert (models / "7" / "variables" / "v.index").is_file()
    assert model_name(models / "7") == "learners"


@pytest.mark.parametrize("name", ["v1", "latest"])
def test_other_folders_are_refused_and_their_content_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"names are numbers.*seen: {name}"), served_folder(tmp_path):
        pass


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"), served_folder(tmp_path / "x"):
        pass


def test_a_port_in_use_is_reported_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PenstockError, match=f"--rest-port {port}.*remedy: name another with --rest-port"):
            check_ports("127.0.0.1", {"--rest-port": port})


def test_two_equal_ports_are_refused() -> None:
    with pytest.raises(PenstockError, match="a port other than --rest-port"):
        check_ports("127.0.0.1", {"--port": 8500, "--rest-port": 8500})
