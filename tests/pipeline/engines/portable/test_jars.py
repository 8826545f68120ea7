"""Where the jars of a job server come from; Maven is a stand-in at the edge of the network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from foundation.errors import StorageError
from pipeline.engines.portable import jars
from pipeline.engines.portable.jars import Jar, Jars
from pipeline.engines.portable.maven import project

MAVEN = """\
#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) folder=${argument#*=} ;; esac; done
%s
"""
"""Stands for Maven and the network behind it: it only puts files where it is told to."""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jars:
    """An engine of one jar, with an empty cache."""
    (tmp_path / "toy.json").write_text(f'{{"org.toy:toy:1": "{hashlib.sha256(b"jar").hexdigest()}"}}')
    monkeypatch.setattr(jars, "_HERE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Jars("toy")


def maven(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    (folder / "mvn").write_text(MAVEN % does, encoding="utf-8")
    (folder / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_every_jar_has_a_version_and_a_digest(engine: str) -> None:
    locked = Jars(engine).locked
    assert len(locked) > 100
    assert len({jar.file_name for jar in locked}) == len(locked)
    assert all(jar.version and len(jar.digest) == 64 for jar in locked)
    assert any(jar.artifact.startswith(f"beam-runners-{engine}") for jar in locked)


def test_jars_are_fetched_once(one: Jars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven(tmp_path, monkeypatch, 'printf jar > "$folder/toy-1.jar"')
    assert not one.present()
    assert one.files() == [one.folder / "toy-1.jar"]
    maven(tmp_path, monkeypatch, "exit 1")
    assert one.files() == [one.folder / "toy-1.jar"]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        pytest.param('printf other > "$folder/toy-1.jar"', "expected SHA-256", id="altered"),
        pytest.param("true", "no such file", id="missing"),
        pytest.param('echo "[ERROR] no route to host"; exit 1', "no route to host", id="no network"),
    ],
)
def test_nothing_is_kept_of_a_fetch_that_failed(
    does: str, said: str, one: Jars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven(tmp_path, monkeypatch, does)
    with pytest.raises(StorageError, match=said):
        one.files()
    assert list(one.folder.parent.iterdir()) == []


def test_a_jar_given_by_hand_is_taken(one: Jars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_TOY_JOB_SERVER", str(tmp_path / "server.jar"))
    with pytest.raises(StorageError, match=r"expected a job server's jar, or a folder of jars"):
        one.files()
    for name in ("server.jar", "another.jar", "beam-runner.jar"):
        (tmp_path / name).touch()
    assert one.files() == [tmp_path / "server.jar"]
    monkeypatch.setenv("PENSTOCK_TOY_JOB_SERVER", str(tmp_path))
    assert [jar.name for jar in one.files()] == ["beam-runner.jar", "another.jar", "server.jar"]


def test_maven_is_asked_for_what_is_listed_and_nothing_that_it_depends_on() -> None:
    text = project([Jar("org.toy", "toy", "1", "linux", "")])
    assert "<artifactId>toy</artifactId><version>1</version><classifier>linux</classifier>" in text
    assert text.count("<exclusion>") == text.count("<dependency>") == 1
