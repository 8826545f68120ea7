"""A person's own code: loaded by its path, whatever their folders are called; its digest follows what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import UserCodeError
from foundation.user_code import code_digest, load_function, split_reference

REPOSITORY = Path(__file__).resolve().parents[2]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_loads_the_function(tmp_path: Path) -> None:
    write(tmp_path, features="def double(x):\n    return 2 * x\n")
    assert load_function(f"{tmp_path}/features.py:double")(3) == 6


def test_siblings_can_be_imported_and_the_path_is_left_as_it_was(tmp_path: Path) -> None:
    write(
        tmp_path,
        user_model="from user_layers_a import width\ndef build():\n    return width\n",
        user_layers_a="width = 8\n",
    )
    before = list(sys.path)
    assert load_function(f"{tmp_path}/user_model.py:build")() == 8
    assert sys.path == before


def test_a_changed_file_is_reloaded(tmp_path: Path) -> None:
    write(tmp_path, f="def g():\n    return 1\n")
    assert load_function(f"{tmp_path}/f.py:g")() == 1
    write(tmp_path, f="def g():\n    return 2\n")
    assert load_function(f"{tmp_path}/f.py:g")() == 2


@pytest.mark.parametrize(
    "reference", ["features.py", "features:f", ":f", "features.py:", "features.py:not a name"]
)
def test_a_reference_names_file_and_function(reference: str) -> None:
    with pytest.raises(UserCodeError, match=r"expected 'file.py:function'"):
        split_reference(reference)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def other(): ...\n", "expected a function f"),
        ("f = 3\n", "expected a function f"),
        ("def ff(): ...\n", "did you mean 'ff'"),
        (
            "import nowhere_at_all\n",
            "does not import; seen: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("def f(:\n", "does not import; seen: SyntaxError"),
        ("1 / 0\n", "does not import; seen: ZeroDivisionError"),
    ],
)
def test_broken_modules_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, m=text)
    before = list(sys.path)
    with pytest.raises(UserCodeError, match=expected):
        load_function(f"{tmp_path}/m.py:f")
    assert sys.path == before


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="seen: no such file"):
        load_function(f"{tmp_path}/m.py:f")


def test_a_project_with_folders_of_our_names_is_loaded_properly(tmp_path: Path) -> None:
    for name in ("pipeline", "components", "serving", "foundation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = '{name}'\n", encoding="utf-8")
    write(
        tmp_path, model="import helpers\ndef build():\n    return helpers.answer\n", helpers="answer = 42\n"
    )
    code = (
        "from foundation.user_code import load_function\n"
        "print(load_function('model.py:build')())\n"
        "import components, pipeline.document, serving\n"
        "print([hasattr(m, 'MINE') for m in (components, pipeline, serving)])\n"
    )
    script = tmp_path / "bin" / "run.py"
    script.parent.mkdir()
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["42", "[False, False, False]"]


def test_the_digest_follows_what_is_imported_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, m="import a\ndef f(): ...\n", a="from b import x\n", b="x = 1\n", unrelated="y = 1\n")
    reference = f"{tmp_path}/m.py:f"
    first = code_digest(reference)
    write(tmp_path, unrelated="y = 2\n")
    assert code_digest(reference) == first
    write(tmp_path, b="x = 2\n")
    assert code_digest(reference) != first


def test_the_digest_is_of_the_code_and_not_of_its_place(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, m="import m\nimport a\ndef f(): ...\n", a="import m\n")
        digests.add(code_digest(f"{tmp_path}/{name}/m.py:f"))
    assert len(digests) == 1


@pytest.mark.parametrize("text", ["def f(:\n", "\0"], ids=["syntax", "null byte"])
def test_the_digest_of_invalid_python(tmp_path: Path, text: str) -> None:
    write(tmp_path, m=text)
    with pytest.raises(UserCodeError, match="expected a readable Python file"):
        code_digest(f"{tmp_path}/m.py:f")
