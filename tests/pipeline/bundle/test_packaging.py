"""The archive holds what counts for fingerprints, the same byte for byte, and never a secret."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from foundation.errors import UserCodeError
from pipeline.bundle.compiling import package_of
from pipeline.bundle.packaging import Package
from pipeline.document.loader import load

from .conftest import write_project


def packed(document: Path) -> Package:
    return package_of(load([document]))[0]


def test_own_code_what_it_uses_and_the_schema_are_packed_and_nothing_else(document: Path) -> None:
    package = packed(document)
    with zipfile.ZipFile(io.BytesIO(package.archive)) as archive:
        names = archive.namelist()
    assert names == ["code/countries.txt", "code/features.py", "code/scaling.py", "schema.pbtxt"]
    assert list(package.files) == names and package.folder == "."


def test_the_archive_is_the_same_from_another_folder_at_another_time(tmp_path: Path) -> None:
    first = packed(write_project(tmp_path / "a"))
    second = write_project(tmp_path / "somewhere" / "else")
    for file in second.parent.rglob("*"):
        os.utime(file, (0, 0))
    (second.parent / "code" / "features.py").chmod(0o777)
    assert packed(second).archive == first.archive


def test_code_and_schema_outside_the_folder_of_the_document_keep_their_places(document: Path) -> None:
    project = document.parent
    inner = project / "pipelines"
    inner.mkdir()
    text = document.read_text().replace("schema.pbtxt", "../schema.pbtxt").replace("code/f", "../code/f")
    (inner / "pipeline.yaml").write_text(text)
    package = packed(inner / "pipeline.yaml")
    assert package.folder == "pipelines"
    assert "code/features.py" in package.files and "schema.pbtxt" in package.files


def test_a_file_outside_the_project_stays_and_is_told(document: Path, tmp_path: Path) -> None:
    outside = tmp_path / "words.txt"
    outside.write_text("a\n")
    code = document.parent / "code" / "features.py"
    code.write_text(code.read_text() + f"WORDS = open('{outside}').read()\n")
    package, notes = package_of(load([document]))
    assert not any("words" in path for path in package.files)
    assert any(str(outside) in note and "not in the bundle" in note for note in notes)


def test_an_export_of_this_machine_is_told(document: Path) -> None:
    assert not any("absolute path" in note for note in package_of(load([document]))[1])
    _, notes = package_of(load([document], ["data.mongo_export=/mnt/exports/*.jsonl"]))
    assert any(
        note.startswith("data.mongo_export is /mnt/exports/*.jsonl, an absolute path") for note in notes
    )


UNTOLD = "import importlib\nNAME = 'scaling'\nimportlib.import_module(NAME)\n"
"""Code of which only running it tells what it imports: every Python file of the project counts."""


@pytest.mark.parametrize("to", ["bundles", "deploy/dags"])
def test_bundles_and_schedulers_files_in_the_project_are_no_code_of_its(document: Path, to: str) -> None:
    code = document.parent / "code" / "features.py"
    code.write_text(UNTOLD + code.read_text())
    before = packed(document)
    assert "code/unrelated.py" in before.files
    made = document.parent / to / "learners-0123456789ab"
    made.mkdir(parents=True)
    (made / "bundle.json").write_text("{}")
    (made / "code.zip").write_bytes(before.archive)
    (made.parent / "learners.py").write_text("DAG = 1\n")
    assert packed(document).archive == before.archive


@pytest.mark.parametrize("name", ["code/features.py", "schema.pbtxt", "code"])
def test_a_link_that_the_document_names_is_refused(document: Path, tmp_path: Path, name: str) -> None:
    named, elsewhere = document.parent / name, tmp_path / "elsewhere"
    named.rename(elsewhere)
    named.symlink_to(elsewhere)
    with pytest.raises(UserCodeError, match=r"expected a file in the project; seen: a link; remedy: copy it"):
        packed(document)


SECRETS = [
    (".env", "A=1"),
    ("prod.env", "A=1"),
    ("tls/server.pem", "MIIE"),
    ("service-account.json", "{}"),
    ("my-credentials.json", "{}"),
    (".aws/config", "aws_key"),
    ("harmless.txt", "-----BEGIN RSA PRIVATE KEY-----\n"),
    ("gcp.json", '{"type": "x", "private_key": "y"}'),
    ("late.txt", "x" * 100_000 + "\nkey = AKIA" + "A1B2C3D4E5F6G7H8"),
    ("hook.txt", "https://hooks.slack.com" + "/services/T0/B0/abcdef"),
    ("token.yaml", "token: ghp_" + "a1" * 18),
]


@pytest.mark.parametrize(("name", "content"), SECRETS, ids=[name for name, _ in SECRETS])
def test_a_secret_that_code_names_is_refused(document: Path, name: str, content: str) -> None:
    secret = document.parent / "code" / name
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(content)
    code = document.parent / "code" / "features.py"
    code.write_text(code.read_text() + f"GIVEN = open(Path(__file__).parent / '{name}').read()\n")
    with pytest.raises(UserCodeError, match=r"no secret in a bundle.*environment variable") as caught:
        packed(document)
    assert content not in str(caught.value)


def test_a_token_in_own_code_is_refused_and_not_shown(document: Path) -> None:
    code, token = document.parent / "code" / "scaling.py", "glpat-" + "a1b2" * 5
    code.write_text(code.read_text() + f"TOKEN = '{token}'\n")
    with pytest.raises(UserCodeError, match=r"code/scaling.py.*seen: a token of GitHub or GitLab") as caught:
        packed(document)
    assert token not in str(caught.value)


def test_a_project_may_be_anywhere(tmp_path: Path) -> None:
    assert packed(write_project(tmp_path / "gcloud" / ".docker" / "secrets")).files


def test_python_files_may_be_called_like_secrets(document: Path) -> None:
    (document.parent / "code" / "credentials.py").write_text("NAME = 'x'\n")
    code = document.parent / "code" / "features.py"
    code.write_text("import credentials\n" + code.read_text())
    assert "code/credentials.py" in packed(document).files
