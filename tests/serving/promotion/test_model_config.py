"""One label moves in a model configuration file; everything else stands as it stood."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import DataError
from serving.promotion.model_config import labels, parsed, with_label

FILE = """\
# Served by the team of the learners; ask before you change it.
model_config_list {
  config {
    name: "retention"   # the public name
    base_path: "/models/retention"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }  # promoted on Monday
    version_labels: < key: 'canary', value: 2 >
  }
  config { name: "other" base_path: "/models/other" model_platform: "tensorflow" version_labels { key: "stable" value: 7 } }
}
"""


def test_only_the_number_changes() -> None:
    text, kept = with_label(FILE, "f", "retention", "stable", 2)
    assert kept
    assert text == FILE.replace('"stable" value: 1', '"stable" value: 2')


def test_another_notation_is_understood() -> None:
    text, kept = with_label(FILE, "f", "retention", "canary", 1)
    assert kept
    assert text == FILE.replace("value: 2 >", "value: 1 >")


def test_a_new_label_is_added_in_place() -> None:
    text, kept = with_label(FILE, "f", "retention", "next", 2)
    assert kept
    assert text == FILE.replace("value: 2 >\n", 'value: 2 >\n    version_labels { key: "next" value: 2 }\n')
    one_line, kept = with_label(FILE, "f", "other", "next", 8)
    assert kept
    assert labels(parsed(one_line, "f"), "other") == {"stable": 7, "next": 8}


def test_a_label_can_be_taken_away() -> None:
    text, kept = with_label(FILE, "f", "retention", "canary", None)
    assert kept
    assert labels(parsed(text, "f"), "retention") == {"stable": 1}
    assert "# promoted on Monday" in text


@pytest.mark.parametrize(
    "text",
    [
        'model_config_list: { config: [ { name: "m" base_path: "/m" version_labels: [{ key: "a" value: 1 }, { key: "b" value: 2 }] } ] }',
        'model_config_list{config{name:"m",base_path:"/m";version_labels{value:1 key:"a"}version_labels{key:"b"value:2}}}',
        'model_config_list { config { name: "\\155" base_path: "/m" version_labels { key: "a" value: 9 } '
        'version_labels { key: "a" value: 1 } version_labels { key: "b" value: 2 } } }',
        'model_config_list { config { name: \'m\' base_path: "/" "m" version_labels { key: "a" value: 0x1 } version_labels { key: "b" value: 2 } } }',
        '# name: "m"\nmodel_config_list { config { base_path: "/{x}#" name: "m" # }\n version_labels { key: "a" value: 1 }\nversion_labels { key: "b" value: 2 } } }',
    ],
    ids=["lists", "tight", "escapes and repeats", "hexadecimal", "comments with brackets"],
)  # fmt: skip
def test_text_format_is_read_as_protobuf_reads_it(text: str) -> None:
    assert labels(parsed(text, "f"), "m") == {"a": 1, "b": 2}
    moved, _ = with_label(text, "f", "m", "a", 5)
    assert labels(parsed(moved, "f"), "m") == {"a": 5, "b": 2}


def test_what_the_editor_does_not_know_is_written_anew_and_said() -> None:
    text = 'model_config_list { config { name: "m" base_path: "/m" version_labels { key: "a" } } } # zero'
    moved, kept = with_label(text, "f", "m", "a", 5)
    assert not kept
    assert labels(parsed(moved, "f"), "m") == {"a": 5}


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.integers(0, 2**63 - 1))
@settings(max_examples=200, deadline=None)
def test_any_label_and_version_can_be_added_and_moved(label: str, version: int) -> None:
    first, _ = with_label(FILE, "f", "retention", label, 3)
    text, _ = with_label(first, "f", "retention", label, version)
    found = labels(parsed(text, "f"), "retention") or {}
    assert found == {"stable": 1, "canary": 2, label: version}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list {", "model configuration file"),
        ("custom_model_config {}", "model_config_list"),
        ("", "model_config_list"),
        ('model_config_list { config { name: "other" } }', "a list without it"),
    ],
    ids=["broken", "custom", "empty", "another model"],
)
def test_what_cannot_be_edited_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_label(text, "models.config", "retention", "stable", 2)
