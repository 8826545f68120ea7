"""A repository's folder and a machine to set up."""

import pytest

from scripts.bootstrap.host import Host
from scripts.bootstrap.layout import Layout


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
            "glibc": (2, 36),
            "release": release,
        }
        return Host(**{**facts, **changes})

    return make
