"""Every way in which Python lets code be imported: what it imports counts, and what counts is what is imported."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foundation.errors import UserCodeError
from foundation.own_code.closure import files_used
from foundation.user_code import code_of, load_function

HERE = "from pathlib import Path\nHERE = Path(__file__).parent\n"


@dataclass(frozen=True)
class Way:
    """A named file that gets a value from elsewhere.

    Attributes:
        text: Text of ``model.py``, whose ``f`` returns the value.
        value: File that holds the value, 1 at first.
        others: Further files, path → text.
        says: Words of the note that the run gives; empty if nothing is left untold.
    """

    text: str
    value: str = "lib.py"
    others: dict[str, str] = field(default_factory=dict)
    says: str = ""


F = "def f():\n    return UNITS\n"
WAYS = {
    "plain import": Way("import lib\ndef f():\n    return lib.UNITS\n"),
    "import as": Way("import lib as other\ndef f():\n    return other.UNITS\n"),
    "from": Way("from lib import UNITS\n" + F),
    "package with __init__": Way("from lib import UNITS\n" + F, "lib/__init__.py"),
    "submodule": Way("import lib.units\nUNITS = lib.units.UNITS\n" + F, "lib/units.py", {"lib/__init__.py": ""}),
    "submodule by from": Way("from lib import units\nUNITS = units.UNITS\n" + F, "lib/units.py", {"lib/__init__.py": ""}),
    "the package of a submodule": Way("import lib.x\nUNITS = lib.UNITS\n" + F, "lib/__init__.py", {"lib/x.py": ""}),
    "deep": Way("from a.b.c.d import UNITS\n" + F, "a/b/c/d.py", {f"{p}/__init__.py": "" for p in ("a", "a/b", "a/b/c")}),
    "relative": Way("from lib import UNITS\n" + F, "lib/units.py", {"lib/__init__.py": "from .units import UNITS\n"}),
    "relative module": Way("from lib import UNITS\n" + F, "lib/units.py",
                           {"lib/__init__.py": "from . import units\nUNITS = units.UNITS\n"}),
    "relative from above": Way("from lib.sub import UNITS\n" + F, "lib/units.py",
                               {"lib/__init__.py": "", "lib/sub/__init__.py": "from ..units import UNITS\n"}),
    "namespace package": Way("from lib.units import UNITS\n" + F, "lib/units.py"),
    "namespace package by from": Way("from lib import units\nUNITS = units.UNITS\n" + F, "lib/units.py"),
    "nested namespace": Way("from lib.deep.units import UNITS\n" + F, "lib/deep/units.py"),
    "inside a function": Way("def f():\n    from lib import UNITS\n    return UNITS\n"),
    "inside a function, submodule": Way("def f():\n    import lib.units\n    return lib.units.UNITS\n", "lib/units.py"),
    "inside a method": Way("class A:\n    def g(self):\n        import lib\n        return lib.UNITS\ndef f():\n    return A().g()\n"),
    "in try": Way("try:\n    from lib import UNITS\nexcept ImportError:\n    UNITS = 0\n" + F),
    "star": Way("from lib import *\n" + F),
    "star of a package": Way("from lib import *\ndef f():\n    return units.UNITS\n", "lib/units.py",
                             {"lib/__init__.py": "__all__ = ['units']\n"}),
    "through another": Way("from a import UNITS\n" + F, "c.py", {"a.py": "from b import UNITS\n", "b.py": "from c import UNITS\n"}),
    "in a circle": Way("from a import f\n", "lib.py", {"a.py": "import b\nfrom lib import UNITS\ndef f():\n    return UNITS\n",
                                                       "b.py": "import a\n"}),
    "import_module": Way("import importlib\nUNITS = importlib.import_module('lib').UNITS\n" + F),
    "import_module, other name": Way("from importlib import import_module as load\nUNITS = load('lib.units').UNITS\n" + F,
                                     "lib/units.py"),
    "import_module, relative": Way("import lib\nUNITS = lib.UNITS\n" + F, "lib/units.py", {
        "lib/__init__.py": "import importlib\nUNITS = importlib.import_module('.units', __package__).UNITS\n"}),
    "import_module, relative to a name": Way(
        "import importlib\nUNITS = importlib.import_module('.units', package='lib').UNITS\n" + F, "lib/units.py"),
    "__import__": Way("UNITS = __import__('lib').UNITS\n" + F),
    "__import__ with fromlist": Way("UNITS = __import__('lib', fromlist=['units']).units.UNITS\n" + F, "lib/units.py"),
    "run_path": Way(HERE + "import runpy\nUNITS = runpy.run_path(str(HERE / 'lib.py'))['UNITS']\n" + F),
    "run_path in a folder": Way(HERE + "import runpy\nUNITS = runpy.run_path(str(HERE / 'a' / 'lib.py'))['UNITS']\n" + F, "a/lib.py"),
    "run_module": Way("import runpy\nUNITS = runpy.run_module('lib')['UNITS']\n" + F),
    "exec of a file": Way(HERE + "exec((HERE / 'lib.py').read_text())\n" + F),
    "exec of a file that imports": Way(HERE + "exec((HERE / 'a.txt').read_text())\n" + F, "lib.py",
                                       {"a.txt": "from lib import UNITS\n"}, says=""),
    "exec of a variable": Way(HERE + "TEXT = open(f'{HERE}/lib.py').read()\nexec(compile(TEXT, 'lib', 'exec'))\n" + F),
    "exec of a text": Way("exec('from lib import UNITS')\n" + F),
    "spec_from_file_location": Way(
        HERE + "import importlib.util as u\nspec = u.spec_from_file_location('x', HERE / 'lib.py')\n"
        "m = u.module_from_spec(spec)\nspec.loader.exec_module(m)\nUNITS = m.UNITS\n" + F),
    "SourceFileLoader": Way(
        "import os\nfrom importlib.machinery import SourceFileLoader\n"
        "m = SourceFileLoader('x', os.path.join(os.path.dirname(__file__), 'lib.py')).load_module()\nUNITS = m.UNITS\n" + F,
        says="imports"),
    "a name that is not constant": Way("import importlib\nUNITS = importlib.import_module('l' + 'ib').UNITS\n" + F,
                                       says="line 2 (import_module) imports"),
    "a name from a list": Way("import importlib\nfor n in ['a', 'lib']:\n    UNITS = importlib.import_module(n).UNITS\n" + F,
                              others={"a.py": "UNITS = 0\n"}, says="line 3 (import_module) imports"),
    "getattr": Way("import importlib\nUNITS = getattr(importlib, 'import_module')('lib').UNITS\n" + F, says="imports"),
    "handed on": Way("import importlib\nUNITS = [*map(importlib.import_module, ['lib'])][0].UNITS\n" + F, says="imports"),
    "sys.path": Way("import os\nimport sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'src'))\n"
                    "from lib_on_path import UNITS\n" + F, "src/lib_on_path.py", says="line 3 (sys.path) imports"),
    "all of a package": Way("import pkgutil\nimport importlib\nimport lib\nfor m in pkgutil.iter_modules(lib.__path__):\n"
                            "    UNITS = importlib.import_module('lib.' + m.name).UNITS\n" + F, "lib/units.py",
                            {"lib/__init__.py": ""}, says="imports"),
    "lazy attribute": Way("import lib\ndef f():\n    return lib.units.UNITS\n", "lib/units.py", {
        "lib/__init__.py": "import importlib\ndef __getattr__(name):\n    return importlib.import_module('.' + name, __name__)\n"},
        says="imports"),
    "a data file": Way(HERE + "import json\nUNITS = json.loads((HERE / 'lib.json').read_text())\n" + F, "lib.json"),
    "a data file in a folder": Way("import os\nUNITS = int(open(os.path.join(os.path.dirname(__file__), 'a', 'n.txt')).read())\n" + F,
                                   "a/n.txt"),
    "a data file by with_name": Way("from pathlib import Path\nUNITS = int(Path(__file__).with_name('n.txt').read_text())\n" + F,
                                    "n.txt"),
    "a package's data": Way("import pkgutil\nUNITS = int(pkgutil.get_data('lib', 'n.txt'))\n" + F, "lib/n.txt",
                            {"lib/__init__.py": ""}),
    "a folder of data": Way(HERE + "UNITS = sum(int(p.read_text()) for p in (HERE / 'texts').glob('*.txt'))\n" + F, "texts/n.txt"),
}  # fmt: skip


def value(way: Way, number: int) -> str:
    return f"UNITS = {number}\n" if way.value.endswith(".py") else str(number)


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    way: Way = request.param
    for name, text in {**way.others, "model.py": way.text, way.value: value(way, 1)}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("way", "project"), [(w, w) for w in WAYS.values()], ids=list(WAYS), indirect=["project"]
)
def test_what_is_imported_counts_and_what_counts_is_imported(
    way: Way, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    reference, file = f"{project}/model.py:f", project / way.value
    before = code_of(reference)
    assert load_function(reference)() == 1
    times = file.stat()
    file.write_text(value(way, 2), encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size, same time: only the content tells
    after = code_of(reference)
    assert after.digest != before.digest
    assert load_function(reference)() == 2
    said = " ".join(after.notes)
    assert way.says in said if way.says else not said


def test_the_lists_of_what_is_untold_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import sys\n\ndef f():\n    return open(sys.argv[1]).read()\n")
    (note,) = code_of(f"{tmp_path}/model.py:f").notes
    assert note.startswith("only running model.py tells which files line 4 (open) reads")


def test_what_is_written_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import gzip\ndef f(path):\n    open(path, 'w'), gzip.open(path, mode='wb'), path.open('x')\n"
    )
    assert code_of(f"{tmp_path}/model.py:f").notes == ()


@pytest.mark.parametrize("where", ["code", "."], ids=["folder below the project", "project"])
def test_code_elsewhere_in_the_project_counts_where_the_path_is_changed(tmp_path: Path, where: str) -> None:
    folder = tmp_path / where
    folder.mkdir(exist_ok=True)
    (tmp_path / "shared").mkdir()
    (folder / "model.py").write_text("import sys\nsys.path.append('..')\nimport units\ndef f(): ...\n")
    (tmp_path / "shared" / "units.py").write_text("UNITS = 1\n")
    before = code_of(f"{folder}/model.py:f", tmp_path)
    (tmp_path / "shared" / "units.py").write_text("UNITS = 2\n")
    assert code_of(f"{folder}/model.py:f", tmp_path).digest != before.digest


def test_an_environment_below_the_project_is_not_its_code(tmp_path: Path) -> None:
    for folder in ("env/lib/python3/site-packages", ".hidden", "__pycache__"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "units.py").write_text("UNITS = 1\n")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "model.py").write_text("import sys\nsys.path.append('src')\ndef f(): ...\n")
    assert list(code_of(f"{tmp_path}/model.py:f").files) == [tmp_path / "model.py"]


def test_a_compiled_module_counts_and_is_said(tmp_path: Path) -> None:
    library = tmp_path / f"fast{sysconfig.get_config_var('EXT_SUFFIX')}"
    library.write_bytes(b"one")
    (tmp_path / "model.py").write_text("import fast\ndef f(): ...\n")
    before = code_of(f"{tmp_path}/model.py:f")
    assert "is compiled" in before.notes[0]
    library.write_bytes(b"two")
    assert code_of(f"{tmp_path}/model.py:f").digest != before.digest


def test_a_module_that_an_installed_one_hides_is_said(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("UNITS = 1\n")
    (tmp_path / "model.py").write_text("import yaml\ndef f():\n    return hasattr(yaml, 'UNITS')\n")
    code = code_of(f"{tmp_path}/model.py:f")
    assert "model.py:1 imports the installed yaml, not the file of that name beside it" in code.notes[0]
    assert load_function(f"{tmp_path}/model.py:f")() is False


def test_a_module_that_takes_another_ones_place_counts(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text("UNITS = 1\n")
    (tmp_path / "model.py").write_text("from lib import UNITS\n" + F)
    reference = f"{tmp_path}/model.py:f"
    before = code_of(reference)
    assert load_function(reference)() == 1
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("UNITS = 2\n")
    assert code_of(reference).digest != before.digest
    assert load_function(reference)() == 2


def test_two_files_have_a_lib_of_their_own(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lib.py").write_text(f"UNITS = {number}\n")
        (tmp_path / name / "model.py").write_text("def f():\n    from lib import UNITS\n    return UNITS\n")
    for _ in range(2):
        assert [load_function(f"{tmp_path}/{name}/model.py:f")() for name in "ab"] == [0, 1]


def test_unused_code_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    for name in ("lib/used", "lib/unused", "other"):
        (tmp_path / f"{name}.py").write_text("UNITS = 1\n")
    (tmp_path / "model.py").write_text("from lib.used import UNITS\n" + F)
    assert sorted(p.name for p in code_of(f"{tmp_path}/model.py:f").files) == ["model.py", "used.py"]


def test_code_of_keras_and_tensorflow_leaves_nothing_untold(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import re\nimport keras\nimport tensorflow as tf\n\n"
        "def f(features, hyperparameters):\n"
        "    x = keras.layers.Dense(8, activation='relu', name=f'first_{len(features)}')(features)\n"
        "    model = keras.Model(x, x)\n    model.compile('adam', loss='mse')\n    model.evaluate(x)\n"
        "    return model if re.compile('a').match('a') else tf.io.parse_example(x, {})\n"
    )
    code = code_of(f"{tmp_path}/model.py:f")
    assert (code.notes, list(code.files)) == ((), [tmp_path / "model.py"])


def test_what_broken_code_uses_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import sys, json, whole, broken, absent\nfrom pack import inner\n")
    (tmp_path / "whole.py").write_text("import beyond_it\n")
    (tmp_path / "broken.py").write_text("import never_seen\ndef f(\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    with pytest.raises(UserCodeError, match=r"broken\.py"):
        code_of(f"{tmp_path}/model.py:f")
    used = {path.relative_to(tmp_path).as_posix() for path in files_used(tmp_path / "model.py")}
    there = {"model.py", "whole.py", "broken.py", "pack/__init__.py"}
    absent = {"absent.py", "absent/__init__.py", "beyond_it.py", "beyond_it/__init__.py", "pack/inner.py"}
    assert used == there | absent
    assert files_used(tmp_path / "nothing.py") == {tmp_path / "nothing.py"}
