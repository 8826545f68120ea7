"""Where a private glibc is fetched from, and with whose key and settings."""

import pytest

from scripts.bootstrap import apt
from scripts.bootstrap.errors import Cause, SetupError

TARGETS = """\
W: Target Packages is configured multiple times
bookworm-security|main|http://mirror/debian-security/
bookworm-updates|main|http://mirror/debian/
nodistro|main|https://elsewhere/
bookworm|contrib|http://contrib/debian/
bookworm|main|http://mirror/debian/
"""


@pytest.fixture
def targets(monkeypatch):
    """What apt says that the host is fed from."""
    monkeypatch.setattr(apt, "run", lambda *_, **__: TARGETS)


def test_the_mirror_is_the_archive_of_the_hosts_own_release(layout, targets):
    assert apt.mirror(layout, "bookworm") == "http://mirror/debian"


def test_a_host_that_names_no_archive_is_told_what_to_add(layout, targets):
    with pytest.raises(SetupError, match=r"an archive of jammy \(main\)") as caught:
        apt.mirror(layout, "jammy")
    assert caught.value.cause is Cause.GLIBC
    assert "apt-get update" in caught.value.remedy


def test_packages_are_always_checked_against_a_key():
    entry = apt.sources_entry("http://mirror/debian", ["trixie", "trixie-updates"], "/keys/debian.gpg")
    assert "Suites: trixie trixie-updates\n" in entry
    assert "Signed-By: /keys/debian.gpg\n" in entry
    assert "trusted" not in entry.lower()
    assert "Signed-By" not in apt.sources_entry("http://mirror/debian", ["trixie"], None)


def test_apt_works_in_folders_of_its_own(tmp_path):
    settings = apt.settings(tmp_path)
    for key in ("Dir::State::Lists", "Dir::State::status", "Dir::Cache", "Dir::Etc::SourceParts"):
        assert f'{key} "{tmp_path}' in settings
    assert "#clear APT::Update::Post-Invoke;" in settings
