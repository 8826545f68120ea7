"""Which tests a change touches."""

import pytest

from scripts.touched import touched_tests

FILES = {
    "foundation/__init__.py": "",
    "foundation/errors.py": "",
    "foundation/publish.py": "from foundation.errors import DataError",
    "components/trainer/__init__.py": "",
    "components/trainer/late.py": "def run():\n    import foundation.publish",
    "components/trainer/node.py": "BUILD = 'components.trainer.late.run'",
    "components/trainer/page.html": "",
    "components/trainer/near.py": "from . import late",
    "tests/conftest.py": "",
    "tests/foundation/conftest.py": "import foundation.errors",
    "tests/foundation/test_other.py": "",
    "tests/components/test_late.py": "from components.trainer import late",
    "tests/components/test_near.py": "from components.trainer.near import late",
    "tests/components/test_node.py": "from components.trainer.node import BUILD",
    "tests/components/test_guide.py": "GUIDE = 'docs/guide.md'",
    "tests/components/helpers.py": "from components.trainer.near import late",
}
ALL = [file for file in sorted(FILES) if "/test_" in file]


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(root, *changed):
    return [file.rpartition("test_")[2].removesuffix(".py") for file in touched_tests(changed, root)]


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        pytest.param("tests/components/test_node.py", ["node"], id="the test itself"),
        pytest.param("components/trainer/node.py", ["node"], id="a module it imports"),
        pytest.param("components/trainer/late.py", ["late", "near", "node"], id="by name, by text, relative"),
        pytest.param("foundation/publish.py", ["late", "near", "node"], id="inside a function"),
        pytest.param("foundation/errors.py", ["late", "near", "node", "other"], id="by a conftest"),
        pytest.param("components/trainer/__init__.py", ["late", "near", "node"], id="a package's own file"),
        pytest.param("components/trainer/page.html", ["late", "near", "node"], id="a file beside modules"),
        pytest.param("docs/guide.md", ["guide"], id="a page that a test names"),
        pytest.param("docs/other.md", ["guide"], id="a page of a folder that a test names"),
        pytest.param("benchmarks/plan.py", [], id="nothing"),
    ],
)
def test_a_change_touches_what_imports_or_names_it(root, changed, tests):
    assert names(root, changed) == tests


def test_a_deleted_module_touches_what_still_imports_it(root):
    (root / "components/trainer/near.py").unlink()
    assert names(root, "components/trainer/near.py") == ["near"]


def test_shared_files_touch_every_test(root):
    assert touched_tests(["pyproject.toml"], root) == ALL
