"""Patterns, spans, versions, fingerprints, and errors for wrong paths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.exports import source
from components.exports.source import ResolvedInput, resolve, verify_unchanged
from foundation.errors import DataError


def _touch(base: Path, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"_id":"{name}"}}\n')


def _names(resolved: ResolvedInput) -> list[str]:
    return [file.path for file in resolved.files]


@pytest.mark.parametrize("pattern", ["e/a.jsonl", "e/*.jsonl", "e", "e/", "**/a.jsonl", "{base}/e/a.jsonl"])
def test_file_glob_and_folder_find_the_same_file(tmp_path: Path, pattern: str) -> None:
    _touch(tmp_path, "e/a.jsonl", "e/.hidden", "e/a.metadata.json", "e/_SUCCESS")
    assert _names(resolve(pattern.replace("{base}", str(tmp_path)), tmp_path)) == ["e/a.jsonl"]


def test_latest_span_and_version_are_chosen(tmp_path: Path) -> None:
    _touch(tmp_path, "s/1/v3/a", "s/2/v1/a", "s/10/v2/a", "s/10/v10/a", "s/x/v1/a")
    resolved = resolve("s/{SPAN}/v{VERSION}/*", tmp_path)
    assert (resolved.span, resolved.version, _names(resolved)) == (10, 10, ["s/10/v10/a"])
    assert _names(resolve("s/{SPAN}/v{VERSION}/*", tmp_path, span=1)) == ["s/1/v3/a"]


@pytest.mark.parametrize("name", ["{SPAN}", "a[1]", "a*", "a{b}"])
def test_a_folder_may_be_called_like_a_pattern(tmp_path: Path, name: str) -> None:
    for span in ("1", "2"):
        (tmp_path / name / "exports" / span).mkdir(parents=True)
        (tmp_path / name / "exports" / span / "d.jsonl").write_text("{}\n")
    found = resolve("exports/{SPAN}/*.jsonl", tmp_path / name)
    assert (found.span, [file.path for file in found.files]) == (2, ["exports/2/d.jsonl"])


def test_a_date_is_a_span(tmp_path: Path) -> None:
    _touch(tmp_path, "2024-01-02/a", "2024-01-03/a", "2024-13-40/a")
    pattern = "{YYYY}-{MM}-{DD}/*"
    assert resolve(pattern, tmp_path).span == 19725
    assert _names(resolve(pattern, tmp_path, span=20240102)) == ["2024-01-02/a"]
    assert _names(resolve(pattern, tmp_path, span=19724)) == ["2024-01-02/a"]


def test_a_placeholder_used_twice_means_the_same_number(tmp_path: Path) -> None:
    _touch(tmp_path, "1/part-1", "1/part-2", "2/part-2")
    assert _names(resolve("{SPAN}/part-{SPAN}", tmp_path, span=1)) == ["1/part-1"]


def test_one_span_spelled_twice_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "1/a", "01/a")
    with pytest.raises(DataError, match="one spelling; seen: 01 and 1"):
        resolve("{SPAN}/a", tmp_path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("exprots/a.jsonl", r"seen: none; .* holds exports; remedy: did you mean 'exports'\?"),
        ("exports/b.jsonl", r"holds a\.jsonl.*did you mean 'a\.jsonl'"),
        ("exports/{SPAN}/*", "files that match it"),
        ("exports/{Span}/*", r"did you mean 'SPAN'\?"),
        ("exports/{YYYY}/*", "all of {YYYY}, {MM}, {DD}"),
    ],
)
def test_a_wrong_path_names_what_is_there(tmp_path: Path, pattern: str, message: str) -> None:
    _touch(tmp_path, "exports/a.jsonl")
    with pytest.raises(DataError, match=message):
        resolve(pattern, tmp_path)


def test_a_missing_span_names_those_that_are_there(tmp_path: Path) -> None:
    _touch(tmp_path, "1/a", "2/a")
    with pytest.raises(DataError, match=r"span 7 .* seen: spans 1, 2"):
        resolve("{SPAN}/a", tmp_path, span=7)


def test_an_export_of_zero_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(DataError, match="expected documents; seen: 0 bytes"):
        resolve("a.jsonl", tmp_path)


@pytest.mark.parametrize("pattern", ["new", "new/*.jsonl", "new/{SPAN}/*.gz", "new/{YYYY}-{MM}-{DD}.jsonl"])
def test_a_quiet_day_is_an_export_without_files_where_that_may_be(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "manifest.json").write_text("{}")
    found = resolve(pattern, tmp_path, section="infer", may_be_empty=True)
    assert found.files == ()
    verify_unchanged(found, tmp_path)
    with pytest.raises(DataError, match=r"^data\.mongo_export "):
        resolve(pattern, tmp_path)


def test_a_quiet_day_may_have_empty_files_and_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "new" / "7").mkdir(parents=True)
    assert resolve("new/{SPAN}", tmp_path, may_be_empty=True).span == 7
    (tmp_path / "new" / "7" / "a.jsonl").touch()
    found = resolve("new/{SPAN}", tmp_path, may_be_empty=True)
    assert [file.size for file in found.files] == [0]
    verify_unchanged(found, tmp_path)


@pytest.mark.parametrize(
    ("pattern", "span"),
    [
        ("nwe/*", "latest"),
        ("new/*.json", "latest"),
        ("new/{SPAM}", "latest"),
        ("new/{YYYY}", "latest"),
        ("new/{SPAN}.jsonl", 9),
    ],
    ids=["folder", "file", "placeholder", "half a date", "span"],
)
def test_a_wrong_pattern_is_an_error_that_names_its_key(tmp_path: Path, pattern: str, span: Any) -> None:
    _touch(tmp_path, "new/1.jsonl")
    with pytest.raises(DataError, match=r"infer\.mongo_export") as raised:
        resolve(pattern, tmp_path, span, section="infer", may_be_empty=True)
    assert "data." not in str(raised.value)


def test_a_touched_file_is_unchanged_and_an_edited_one_is_not(tmp_path: Path) -> None:
    _touch(tmp_path, "a")
    before = resolve("a", tmp_path)
    os.utime(tmp_path / "a", ns=(1, 1))
    assert resolve("a", tmp_path) == before
    verify_unchanged(before, tmp_path)
    (tmp_path / "a").write_text('{"_id":"b"}\n')
    assert resolve("a", tmp_path).fingerprint != before.fingerprint
    with pytest.raises(DataError, match="does not change during the run"):
        verify_unchanged(before, tmp_path)


def test_file_times_count_for_a_large_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "HASHED_WHOLE_BYTES", 4)
    _touch(tmp_path, "a")
    before = resolve("a", tmp_path)
    os.utime(tmp_path / "a", ns=(1, 1))
    assert resolve("a", tmp_path).fingerprint != before.fingerprint


def test_a_moved_project_keeps_its_fingerprint_and_json_its_content(tmp_path: Path) -> None:
    _touch(tmp_path, "x/e/a", "y/e/a")
    (tmp_path / "y/e/a").write_bytes((tmp_path / "x/e/a").read_bytes())
    first, second = resolve("e/a", tmp_path / "x"), resolve("e/a", tmp_path / "y")
    assert first.to_json() == second.to_json()
    assert ResolvedInput.from_json(first.to_json()) == first


def test_it_imports_nothing_heavy() -> None:
    code = "import sys, components.exports.source; print(sorted({'numpy','pyarrow','bson','tensorflow','apache_beam'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
