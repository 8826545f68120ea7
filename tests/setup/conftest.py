"""The files of scripts/ are no package: they run before anything is installed, and are found by their folder."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

sys.path.append(str(ROOT / "scripts"))

from bootstrap_host import Host  # noqa: E402
from bootstrap_layout import Layout  # noqa: E402


@pytest.fixture
def layout(tmp_path):
    """A repository's folder with the files whose contents a set-up depends on."""
    for name in ("requirements/lock.txt", "requirements/tools.txt", "pyproject.toml", "setup.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return Layout(tmp_path)


@pytest.fixture
def environment(layout):
    """The layout of a repository that has an environment."""
    for path in (layout.python, layout.own / "setup.log"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return layout


@pytest.fixture
def make_host():
    """Makes a host; whatever is not named is Debian 12's."""

    def make(**changes):
        release = {
            "ID": "debian",
            "VERSION_CODENAME": "bookworm",
            "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
        }
        facts = {
            "system": "Linux",
            "machine": "x86_64",
            "python": "3.11.7",
            "glibc": (2, 36),
            "release": release,
        }
        return Host(**{**facts, **changes})

    return make
