"""Faults of own code name the file, the line and the contract; no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import DataError, UserCodeError
from foundation.own_fault import fault, kind_of, own_code, own_place, words
from foundation.user_code import load_function

CODE = {
    "raises": ("def f():\n    return g()\n\ndef g():\n    raise TypeError('no')\n", 5, "TypeError: no"),
    "exits": ("import sys\n\ndef f():\n    sys.exit(3)\n", 4, "sys.exit(3)"),
    "quits": ("def f():\n    raise SystemExit\n", 2, "sys.exit()"),
    "in a library": ("import json\n\ndef f():\n    json.loads('{')\n", 4, "JSONDecodeError: Expecting"),
    "from another": (
        "def f():\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
        "        raise ValueError('hm') from error\n", 3, "ValueError: hm",
    ),
    "signature": ("\n\ndef f(a):\n    return a\n", 3, "TypeError: f() missing"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "seen"), CODE.values(), ids=CODE)
def test_a_fault_has_file_line_and_contract(tmp_path: Path, text: str, line: int, seen: str) -> None:
    file = tmp_path / "model.py"
    file.write_text(text, encoding="utf-8")
    reference = f"{file}:f"
    function = load_function(reference)
    with pytest.raises(UserCodeError) as caught, own_code(reference, "f() that returns a model"):
        function()
    assert str(caught.value).startswith(
        f"{file}:{line}, in f; expected f() that returns a model; seen: {seen}"
    )
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_a_fault_in_a_file_that_own_code_imports_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("def build():\n    raise KeyError('x')\n", encoding="utf-8")
    (tmp_path / "model.py").write_text(
        "from lib import build\n\ndef f():\n    return build()\n", encoding="utf-8"
    )
    reference = f"{tmp_path / 'model.py'}:f"
    function = load_function(reference)
    with (
        pytest.raises(UserCodeError, match=r"lib/__init__.py:2; expected x; seen: KeyError: 'x'"),
        own_code(reference, "x"),
    ):
        function()


@pytest.mark.parametrize(
    ("text", "line", "seen"),
    [
        ("import os\nimport nowhere_at_all\n", 2, "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("import sys\n\nsys.exit('why')\n", 3, "sys.exit('why')"),
        ("x = 1\ny = x / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError"),
    ],
)
def test_a_failing_import_has_a_line(tmp_path: Path, text: str, line: int, seen: str) -> None:
    file = tmp_path / "model.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserCodeError) as caught:
        load_function(f"{file}:f")
    assert f"user module {file}:{line} does not import; seen: {seen}" in str(caught.value)


def test_a_failing_import_of_a_sibling_names_the_sibling(tmp_path: Path) -> None:
    (tmp_path / "helper_of_it.py").write_text("\n1 / 0\n", encoding="utf-8")
    (tmp_path / "model.py").write_text("import helper_of_it\n", encoding="utf-8")
    with pytest.raises(UserCodeError, match=r"ZeroDivisionError.*helper_of_it.py:2\)"):
        load_function(f"{tmp_path / 'model.py'}:f")


def test_our_own_errors_and_what_is_no_fault_pass(tmp_path: Path) -> None:
    with pytest.raises(DataError), own_code("m.py:f", "x"):
        raise DataError("nan")
    with pytest.raises(OSError), own_code("m.py:f", "x", passing=(OSError,)):
        raise OSError(28, "No space left on device")


def test_frames_in_messages_count_where_a_library_keeps_no_others(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("def f():\n    pass\n", encoding="utf-8")
    text = f'in user code:\n\n    File "{file}", line 8, in loss  *\n        raise TypeError("x")\n\n    TypeError: x\n'
    error = ValueError(text)
    assert own_place(tmp_path, error) == (file, 8)
    assert words(error) == "ValueError: TypeError: x"
    assert str(fault(f"{file}:f", "a loss", error)).startswith(f"{file}:8, in f; expected a loss")


def test_libraries_below_the_project_are_not_own_code(tmp_path: Path) -> None:
    text = f'File "{tmp_path}/.venv/lib/python3.11/site-packages/keras/x.py", line 3'
    assert own_place(tmp_path, ValueError(text)) is None


def test_wrong_results_are_named() -> None:
    assert [kind_of(value) for value in (None, [], 3, Path())][:3] == ["None", "list", "int"]
    assert kind_of(DataError("x")) == "foundation.errors.DataError"


def test_values_in_an_assertion_are_left_out() -> None:
    text = "Graph execution error: assertion failed: [Condition x < y did not hold:] [x (a:0) = ] [28] [y (b:0) = ] [10]"
    assert words(ValueError(f"it said {text}")).endswith("assertion failed: [Condition x < y did not hold:]")


def test_an_error_that_cannot_say_what_it_is_has_its_type() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise ValueError("mute")

    assert words(MuteError()) == "MuteError"


def test_of_a_workers_traceback_is_told_what_it_ends_with() -> None:
    text = (
        "Pipeline p failed in state FAILED: java.lang.RuntimeException: Error received from SDK harness: "
        'Traceback (most recent call last):\n  File "impl.py", line 1, in f\n    g()\n'
        "tf.errors.InvalidArgumentError: Graph execution error:\n\nDuring handling of the above exception, another:\n\n"
        'Traceback (most recent call last):\n  File "common.py", line 2, in h\n    raise\n'
        "pack.age.CastError: no number [while running 'X']\n\n\tat org.apache.beam.Control.handle(Control.java:1)\n"
    )
    assert words(RuntimeError(text)) == "CastError: no number [while running 'X']"
