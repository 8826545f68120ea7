"""Reading YAML: scalars as YAML 1.2 has them, places, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from foundation.config import Config
from foundation.document.kind import Kind
from foundation.document.problems import SpecErrors
from foundation.document.reader import MAX_VALUES, read_file, read_text

TOY: Kind[Config] = Kind(Config, usual_name="toy.yaml", if_missing="make one", if_empty="write one")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("yes", "yes"),
        ("NO", "NO"),
        ("off", "off"),
        ("12", 12),
        ("0x1F", 31),
        ("012", 12),
        ("1e-3", 0.001),
        ("1.5", 1.5),
        (".inf", math.inf),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"),
        ("-", None),
        ("~", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("-5", -5),
        ("=", "="),
    ],
)
def test_scalars(text: str, value: object) -> None:
    read = read_text(f"key: {text}" if text != "-" else "key:", "f").plain()["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read_text("{0: a, true: b, NO: c, 1.50: d}", "f").plain() == {
        "0": "a",
        "true": "b",
        "NO": "c",
        "1.50": "d",
    }


def test_every_value_knows_its_place() -> None:
    root = read_text("a:\n  - x\n  - {b: 1}\n", "f")
    b = root.value["a"].value[1].value["b"]
    assert (str(b.key_at), str(b.at)) == ("f:3:6", "f:3:9")


def test_merge_keys_give_way_to_own_keys() -> None:
    text = "base: &base {x: 1, y: 2}\nown: {<<: *base, y: 3}\n"
    assert read_text(text, "f").plain()["own"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", r"f:3:1: a: this key is given twice, first at line 1; keep one"),
        ("a: {b: 1,\n  b: 2}", r"f:2:3: a\.b: this key is given twice, first at line 1"),
        (
            "a: !!python/object:os.system x",
            r"f:1:4: a: the tag !!python/object:os.system has no meaning here",
        ),
        ("a: !!int x", r"f:1:4: a: not a value of !!int"),
        ("a: &x [*x]", r"f:1:4: a\[0\]: an alias that holds itself"),
        ("? [1]\n: 2", r"f:1:3: a key that is a list or a mapping"),
        ("{<<: 3}", r"f:1:2: << takes in a mapping"),
        ("a: 1\n---\nb: 2", r"f:2:1: this is not YAML: .*one file holds one document"),
        ("a: b\n\tc: d", r"f:2:1: this is not YAML: .*indent with spaces, not tabs"),
        ("a: {SPAN}/x", r"f:1:10: this is not YAML: .*in quotes"),
        ("a: [1, 2", r"f:2:1: this is not YAML"),
        ("ab: \x01", r"f:1:5: a character that YAML does not allow"),
        ("[" * 200_000, r"f:1:101: values are nested more than 100 deep"),
    ],
)
def test_what_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SpecErrors, match=expected):
        read_text(text, "f")


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(SpecErrors, match=f"more than {MAX_VALUES} values"):
        read_text("\n".join(lines), "f")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "1:1: the document is empty; write one"),
        (b"# only a comment\n", "the document is empty"),
        (b"- a\n- b\n", "expected keys and values"),
        (b"a: 1\nb: \xff\n", r"2:4: not UTF-8"),
    ],
    ids=["empty", "comment", "list", "latin-1"],
)
def test_files_that_hold_no_document(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecErrors, match=expected):
        read_file(path, TOY)


def test_a_missing_file_or_a_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors, match=r"none.yaml:1:1: there is no such file; make one"):
        read_file(tmp_path / "none.yaml", TOY)
    with pytest.raises(SpecErrors, match=r"this is a folder; name the document in it, such as toy.yaml"):
        read_file(tmp_path, TOY)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_file(path, TOY).plain() == {"a": 1}
